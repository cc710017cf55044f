"""What Prometheus stores of a scrape is what the program served."""

TARGET = {"scrape_configs": [{"job_name": "udpwatch",
                              "static_configs": [{"targets": ["127.0.0.1:9117"]}]}]}
CONFIG = """
[receiver right]
ports = 2001, 127.0.0.1:2002
[receiver hot "standby" \\ one]
ports = 2003
required = no
[filebeat gone]
ports = 2004
"""


def test_up_and_states(agent, hold, prometheus):
    hold("0.0.0.0:2001", "127.0.0.1:2002")
    scrape = agent(CONFIG).scrape()
    server = prometheus(TARGET)
    server.wait_for_value('up{job="udpwatch"}', 1)
    stored = {(labels["receiver"], labels["address"], int(labels["port"])): labels["state"]
              for labels, _ in server.query("udpwatch_port_state == 1")}
    assert stored == scrape.states()
    names = {labels["__name__"] for labels, _ in server.query('{__name__=~"udpwatch_.+"}')}
    assert names == {name for name, _ in scrape.values}
