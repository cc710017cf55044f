"""HTTP servers that misbehave in ways that no real one can be told to."""

import contextlib
import socket
import struct
import threading


class BadServer:
    """A TCP server on 127.0.0.1 that does to each connection what behave(connection, over) does, in
    a thread of its own; over: an event, set at the end of the test."""

    def __init__(self, behave):
        self.behave = behave
        self.over = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.open, self.most_open, self.accepted = set(), 0, 0
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    def _accept(self):
        with contextlib.suppress(OSError):  # the listener was shut down
            while True:
                connection = self.listener.accept()[0]
                with self.lock:
                    self.open.add(connection)
                    self.most_open = max(self.most_open, len(self.open))
                    self.accepted += 1
                    self.threads.append(threading.Thread(target=self._serve, args=(connection,)))
                    self.threads[-1].start()

    def _serve(self, connection):
        with contextlib.suppress(OSError):  # the other side went away
            self.behave(connection, self.over)
        with self.lock:
            self.open.discard(connection)
        connection.close()

    def stop(self):
        self.over.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.threads[0].join()
        with self.lock:
            for connection in self.open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.listener.close()


def read_request(connection):
    """Its bytes, once it is whole."""
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        piece = connection.recv(4096)
        if not piece:
            break
        request += piece
    return request


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def silent(connection, _):
    """It reads, and never answers."""
    while connection.recv(4096):
        pass


def refuses(connection, _):
    """It breaks off as soon as something comes."""
    connection.recv(1)
    reset(connection)


def slow(connection, over):
    """One byte a second of an answer that is right."""
    read_request(connection)
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000:
        connection.sendall(bytes([byte]))
        if over.wait(1):
            break


def slow_body(connection, over):
    """The head of the answer at once, and one byte a second of its body."""
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not over.wait(1):
        connection.sendall(b"x")


def says(*pieces, then=None):
    """A server that answers these bytes, then closes or does what is said."""
    def behave(connection, _):
        read_request(connection)
        for piece in pieces:
            connection.sendall(piece)
        if then:
            then(connection)
        else:
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)  # what was sent is not to be lost by a reset
    return behave


def says_without_end(head, piece):
    def behave(connection, over):
        read_request(connection)
        connection.sendall(head)
        while not over.is_set():
            connection.sendall(piece)
    return behave


def in_chunks(text):
    """Each byte of it a chunk of its own, which libcurl hands on one by one."""
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in text.encode())
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
