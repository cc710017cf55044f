"""A real Prometheus asks for OpenMetrics, and stores of it what the text form says."""

TARGET = {"scrape_configs": [{"job_name": "udpwatch",
                              "static_configs": [{"targets": ["127.0.0.1:9117"]}]}]}
HOSTILE = '"} 1\\\n# EOF\n'


def test_what_prometheus_stores(agent, hold, prometheus):
    hold("0.0.0.0:2001", name=HOSTILE)
    running = agent("[receiver one]\nports = 2001\n")
    server = prometheus(TARGET)
    server.wait_for_value('up{job="udpwatch"}', 1)
    # Only OpenMetrics has infos and units, and names a counter's family without _total.
    metadata = server.metadata()
    assert metadata["udpwatch_process"][0]["type"] == "info"
    assert metadata["udpwatch_port_dropped_datagrams"][0]["type"] == "counter"
    assert metadata["udpwatch_port_down_seconds"][0]["unit"] == "seconds"
    stored = {(labels.pop("__name__"), frozenset(
        (name, value) for name, value in labels.items() if name not in ("job", "instance")))
              for labels, _ in server.query('{__name__=~"udpwatch_.+"}')}
    # To Prometheus, a label without a value is none.
    assert stored == {(name, frozenset((label, value) for label, value in labels if value))
                      for name, labels in running.scrape().values}
    assert [labels["process"] for labels, _ in server.query("udpwatch_sockets")] == [HOSTILE]
    assert server.value("udpwatch_port_up") == 1
    buffer = running.scrape().value("udpwatch_port_receive_buffer_bytes")
    assert server.value("udpwatch_port_receive_buffer_bytes") == buffer
    assert "level=warn" not in server.log(), server.log()
