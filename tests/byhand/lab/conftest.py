import threading

import pytest

from tinyunet.byhand.lab import server


@pytest.fixture
def running():
    """A server, and its port."""
    lab = server.server(0)
    thread = threading.Thread(target=lab.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield lab.server_port
    lab.shutdown()
    thread.join()
    lab.server_close()
