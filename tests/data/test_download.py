"""Downloads from a server on this machine: what arrives is checked, what does not leaves nothing behind."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from layerwise.data import builtin
from layerwise.data.download import fetch
from layerwise.data.sources import load
from layerwise.errors import DataError, StorageError

CONTENT = b"four bytes, and some more" * 5000
SUM = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Server:
    """What a server answers by path, and what it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.truncated: set[str] = set()
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                content = outer.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if self.path in outer.truncated else content)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = Server()
    yield running
    running.close()


def get(url: str, folder: Path, **options: Any) -> list[Path]:
    return fetch(url, {"a.bin": SUM}, folder, "Some data", "try again", **options)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_file_is_fetched_once(server: Server, tmp_path: Path) -> None:
    server.files["/some/a.bin"] = CONTENT
    paths = get(f"{server.url}/some", tmp_path / "new" / "cache")
    assert paths[0].read_bytes() == CONTENT
    assert get(f"{server.url}/some/", tmp_path / "new" / "cache") == paths
    assert server.asked == ["/some/a.bin"]
    assert files(tmp_path) == ["a.bin"]


def test_a_damaged_file_in_the_cache_is_fetched_again(server: Server, tmp_path: Path) -> None:
    server.files["/a.bin"] = CONTENT
    (tmp_path / "a.bin").write_bytes(CONTENT[:-1])
    assert get(server.url, tmp_path)[0].read_bytes() == CONTENT


def test_progress_is_shown_on_stderr_where_it_is_wanted(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.files["/a.bin"] = CONTENT
    get(server.url, tmp_path / "quiet")
    assert capsys.readouterr() == ("", "")
    get(server.url, tmp_path / "loud", progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Some data: a.bin" in err
    assert "125.0/125.0 kB" in err


def test_another_content_is_thrown_away(server: Server, tmp_path: Path) -> None:
    server.files["/a.bin"] = CONTENT + b"!"
    with pytest.raises(DataError) as caught:
        get(server.url, tmp_path)
    assert str(caught.value).startswith(f"Some data, a.bin = '{server.url}/a.bin': what arrived does not have the")
    assert SUM in str(caught.value)
    assert str(caught.value).endswith("; try again")
    assert files(tmp_path) == []


def test_half_a_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    server.files["/a.bin"] = CONTENT
    server.truncated.add("/a.bin")
    with pytest.raises(DataError, match=r"could not be downloaded \(.*\); try again"):
        get(server.url, tmp_path)
    assert files(tmp_path) == []


def test_a_failure_leaves_what_was_in_the_cache(server: Server, tmp_path: Path) -> None:
    server.files["/a.bin"] = CONTENT
    get(server.url, tmp_path)
    with pytest.raises(DataError):
        fetch(server.url, {"a.bin": SUM, "b.bin": SUM}, tmp_path, "Some data", "")
    assert files(tmp_path) == ["a.bin"]


def test_a_file_that_the_server_does_not_have(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"could not be downloaded \(the server answers 404 Not Found\); try again"):
        get(server.url, tmp_path)
    assert files(tmp_path) == []


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(DataError, match=rf"'http://127.0.0.1:{port}/a.bin': could not be downloaded \(.*refused"):
        get(f"http://127.0.0.1:{port}", tmp_path)
    assert files(tmp_path) == []


def test_a_server_that_is_silent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("layerwise.data.download._SECONDS_TO_ANSWER", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(DataError, match=r"no answer within 0.2 seconds"):
            get(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path)


def test_a_cache_that_cannot_be_written_to(server: Server, tmp_path: Path) -> None:
    server.files["/a.bin"] = CONTENT
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"Some data cannot be kept in .*file.*give another cache folder"):
        get(server.url, tmp_path / "file" / "cache")


def test_a_full_disk(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pooch

    def full(self: object, *args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", full)
    with pytest.raises(StorageError, match="No space left on device"):
        get(server.url, tmp_path)
    assert files(tmp_path) == []


def test_a_data_set_comes_from_a_mirror(
    server: Server,
    small_mnist: dict[str, Any],
    write_idx: Callable[[Path, Any], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LAYERWISE_DATA", raising=False)
    monkeypatch.setenv("LAYERWISE_MIRROR", server.url + "/")
    packed = {name: write_idx(tmp_path / "home" / name, array).read_bytes() for name, array in small_mnist.items()}
    cache = tmp_path / "cache"
    server.files = {f"/mnist/{name}": content for name, content in packed.items()}
    with pytest.raises(DataError, match=r"MNIST, train-images-idx3-.*checksum sha256:440fcabf.*LAYERWISE_DATA"):
        load("mnist", cache=cache)
    assert files(cache) == []
    sums = {name: "md5:" + hashlib.md5(content).hexdigest() for name, content in packed.items()}
    monkeypatch.setitem(builtin._PUBLISHED, "mnist", replace(builtin._PUBLISHED["mnist"], checksums=sums))
    data = load("mnist", cache=cache)
    assert data.source == f"MNIST, from {server.url}/mnist/, checksums verified"
    np.testing.assert_array_equal(
        np.asarray(data.train.values).reshape(20, 4, 3), small_mnist["train-images-idx3-ubyte.gz"]
    )
    assert files(cache / "mnist") == sorted(packed)
    asked = len(server.asked)
    assert load("mnist", cache=cache).source == data.source
    assert len(server.asked) == asked
