"""A small hub in this process: what huggingface-hub asks for when datasets are pushed, pulled and loaded.

It keeps repositories in memory and speaks the hub's protocol: repositories, branches and tags, the upload modes,
LFS's batches and uploads, commits as NDJSON, listings in pages, and downloads with the hub's headers, large files by
a redirect. Faults are set by tests.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

TOKEN = "hf_secretsecretsecretsecretsecret"  # of this server alone
LARGE = (".parquet", ".mp4", ".npz", ".png")
PAGE = 5


@dataclass
class Repository:
    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, branch: str, files: dict[str, bytes]) -> str:
        text = json.dumps([len(self.commits), sorted((k, hashlib.sha1(v).hexdigest()) for k, v in files.items())])
        sha = hashlib.sha1(text.encode()).hexdigest()
        self.commits[sha] = files
        self.branches[branch] = sha
        return sha

    def find(self, revision: str) -> str | None:
        if revision in self.commits:
            return revision
        return self.branches.get(revision) or self.tags.get(revision)


class Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Repository] = {}
        self.blobs: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.refused_uploads_after: int | None = None
        """From the n-th upload on, the connection is cut."""
        self.cut_downloads_after: int | None = None
        self.answer: int | None = None
        """Status with which everything is answered."""
        self.extra_tree: list[dict[str, object]] = []
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def count(self, start: str) -> int:
        return sum(request.startswith(start) for request in self.requests)

    def files(self, repo_id: str, revision: str = "main") -> dict[str, bytes]:
        repository = self.repositories[repo_id]
        return repository.commits[repository.find(revision)]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is one packet
    server: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def _answer(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        path, self.query = parts.path, parse_qs(parts.query)
        with self.server.lock:
            self.server.requests.append(f"{self.command} {path}")
            if self.server.answer:
                self._send({"error": "told to"}, self.server.answer)
                return
            for method, pattern, function in ROUTES:
                match = re.fullmatch(pattern, path)
                if match and self.command in method.split():
                    getattr(self, function)(*map(unquote, match.groups()))
                    return
        self._send({"error": f"no such address {path}"}, 404)
        return

    def _send(self, content: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, status: int, message: str, code: str = "") -> None:
        self._send({"error": message}, status, {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})})

    def _may_write(self) -> bool:
        given = self.headers.get("Authorization")
        if given == f"Bearer {TOKEN}":
            return True
        if given:
            self._refuse(401, "Invalid credentials in Authorization header")
        else:
            self._refuse(401, "Invalid username or password.")
        return False

    def _repository(self, repo_id: str) -> Repository | None:
        repository = self.server.repositories.get(repo_id)
        hidden = repository and repository.private and self.headers.get("Authorization") != f"Bearer {TOKEN}"
        if repository is None or hidden:
            self._refuse(401 if not self.headers.get("Authorization") else 404, "Repository not found", "RepoNotFound")
            return None
        return repository

    def _commit(self, repo_id: str, revision: str) -> tuple[Repository, str] | None:
        repository = self._repository(repo_id)
        if repository is None:
            return None
        sha = repository.find(revision)
        if sha is None:
            self._refuse(404, f"Invalid rev id: {revision}", "RevisionNotFound")
            return None
        return repository, sha

    def create(self) -> None:
        if not self._may_write():
            return
        asked = json.loads(self.body)
        assert asked["type"] == "dataset"
        repo_id = f"{asked['organization']}/{asked['name']}"
        if repo_id in self.server.repositories:
            self._send({"error": "exists", "url": f"{self.server.address}/datasets/{repo_id}"}, 409)
            return
        repository = Repository(private=asked.get("visibility") == "private" or bool(asked.get("private")))
        repository.commit("main", {".gitattributes": b"*.parquet filter=lfs\n"})
        self.server.repositories[repo_id] = repository
        self._send({"url": f"{self.server.address}/datasets/{repo_id}"})

    def info(self, repo_id: str, revision: str = "main") -> None:
        if found := self._commit(repo_id, revision):
            repository, sha = found
            names = [{"rfilename": name} for name in repository.commits[sha]]
            self._send({"id": repo_id, "sha": sha, "private": repository.private, "tags": [], "siblings": names})

    def refs(self, repo_id: str) -> None:
        if repository := self._repository(repo_id):

            def listed(refs: dict[str, str], kind: str) -> list[dict[str, str]]:
                return [{"name": n, "ref": f"refs/{kind}/{n}", "targetCommit": sha} for n, sha in refs.items()]

            heads, tags = listed(repository.branches, "heads"), listed(repository.tags, "tags")
            self._send({"branches": heads, "tags": tags, "converts": []})

    def tree(self, repo_id: str, revision: str, folder: str | None = None) -> None:
        found = self._commit(repo_id, revision)
        if not found:
            return
        entries = list(self.server.extra_tree)
        for name, content in sorted(found[0].commits[found[1]].items()):
            if folder and not name.startswith(folder.strip("/") + "/"):
                continue
            entry = {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
            if name.endswith(LARGE):
                oid = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"oid": oid, "size": len(content), "pointerSize": 130}
            entries.append(entry)
        start = int(self.query.get("cursor", ["0"])[0])
        headers = {}
        if start + PAGE < len(entries):
            url = f"{self.server.address}{urlsplit(self.path).path}?recursive=True&cursor={start + PAGE}"
            headers["Link"] = f'<{url}>; rel="next"'
        self._send(entries[start : start + PAGE], 200, headers)

    def preupload(self, repo_id: str, revision: str) -> None:
        found = self._commit(repo_id, revision)
        if not found or not self._may_write():
            return
        held = found[0].commits[found[1]]
        answers = []
        for asked in json.loads(self.body)["files"]:
            name = asked["path"]
            large = name.endswith(LARGE)
            entry = {"path": name, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
            if name in held:
                git = hashlib.sha1(b"blob %d\0" % len(held[name]) + held[name]).hexdigest()
                entry["oid"] = hashlib.sha256(held[name]).hexdigest() if large else git
            answers.append(entry)
        self._send({"files": answers})

    def batch(self, repo_id: str) -> None:
        if not self._repository(repo_id) or not self._may_write():
            return
        objects = []
        for asked in json.loads(self.body)["objects"]:
            entry = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in self.server.blobs:
                entry["actions"] = {"upload": {"href": f"{self.server.address}/upload/{asked['oid']}"}}
            objects.append(entry)
        self._send({"transfer": "basic", "objects": objects})

    def upload(self, oid: str) -> None:
        limit = self.server.refused_uploads_after
        if limit is not None and self.server.count("PUT ") > limit:
            self._refuse(403, "cut by the test")
            return
        assert hashlib.sha256(self.body).hexdigest() == oid
        self.server.blobs[oid] = self.body
        self._send(b"")

    def validate_yaml(self) -> None:
        asked = json.loads(self.body)
        match = re.match(r"---\n(.*?)\n---\n", asked["content"], re.DOTALL)
        try:
            front = yaml.safe_load(match.group(1)) if match else None
        except yaml.YAMLError as error:
            self._send({"errors": [{"message": str(error)}]}, 400)
            return
        warnings = [] if isinstance(front, dict) else [{"message": "empty or missing yaml metadata in repo card"}]
        self._send({"errors": [], "warnings": warnings})

    def commit(self, repo_id: str, branch: str) -> None:
        found = self._commit(repo_id, branch)
        if not found or not self._may_write():
            return
        repository, sha = found
        files = dict(repository.commits[sha])
        for line in self.body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                if value.get("parentCommit", sha) != sha:
                    self._refuse(412, "A commit has happened since. Please refresh and try again.")
                    return
            elif entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.server.blobs[value["oid"]]
            elif entry["key"] == "deletedFile":
                del files[value["path"]]
            else:
                raise AssertionError(entry["key"])
        sha = repository.commit(branch, files)
        url = f"{self.server.address}/datasets/{repo_id}/commit/{sha}"
        self._send({"commitOid": sha, "commitUrl": url, "success": True})

    def branch(self, repo_id: str, name: str) -> None:
        repository = self._repository(repo_id)
        if repository and self._may_write():
            start = json.loads(self.body or b"{}").get("startingPoint") or "main"
            repository.branches[name] = repository.find(start)
            self._send({})

    def tag(self, repo_id: str, revision: str) -> None:
        found = self._commit(repo_id, revision)
        if not found or not self._may_write():
            return
        name = json.loads(self.body)["tag"]
        if name in found[0].tags:
            self._refuse(409, f"Tag reference exists already: {name}")
            return
        found[0].tags[name] = found[1]
        self._send({})

    def untag(self, repo_id: str, name: str) -> None:
        repository = self._repository(repo_id)
        if repository and self._may_write():
            if name not in repository.tags:
                self._refuse(404, "no such tag", "RevisionNotFound")
                return
            del repository.tags[name]
            self._send({})

    def resolve(self, repo_id: str, revision: str, name: str) -> None:
        found = self._commit(repo_id, revision)
        if not found:
            return
        content = found[0].commits[found[1]].get(name)
        if content is None:
            self._refuse(404, "Entry not found", "EntryNotFound")
            return
        headers = {"X-Repo-Commit": found[1], "Accept-Ranges": "bytes"}
        if name.endswith(LARGE):
            oid = hashlib.sha256(content).hexdigest()
            self.server.blobs[oid] = content
            headers |= {"X-Linked-ETag": f'"{oid}"', "X-Linked-Size": str(len(content))}
            self._send(
                b"", 302, {**headers, "Location": f"{self.server.address.replace('127.0.0.1', 'localhost')}/cdn/{oid}"}
            )
            return
        self._content(content, {**headers, "ETag": f'"{hashlib.sha1(content).hexdigest()}"'})

    def cdn(self, oid: str) -> None:
        self._content(self.server.blobs[oid], {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"})

    def _content(self, content: bytes, headers: dict[str, str]) -> None:
        limit = self.server.cut_downloads_after
        if limit is not None and self.command == "GET" and self.server.count("GET /cdn/") > limit:
            self._refuse(403, "cut by the test")
            return
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        first = int(start.group(1)) if start else 0
        self._send(content[first:], 206 if start else 200, headers)


ID = r"([^/]+/[^/]+)"
ROUTES = (
    ("POST", "/api/repos/create", "create"),
    ("POST", "/api/validate-yaml", "validate_yaml"),
    ("GET", f"/api/datasets/{ID}/revision/([^/]+)", "info"),
    ("GET", f"/api/datasets/{ID}/refs", "refs"),
    ("GET", f"/api/datasets/{ID}/tree/([^/]+)", "tree"),
    ("GET", f"/api/datasets/{ID}/tree/([^/]+)/(.+)", "tree"),
    ("POST", f"/api/datasets/{ID}/preupload/([^/]+)", "preupload"),
    ("POST", f"/api/datasets/{ID}/commit/([^/]+)", "commit"),
    ("POST", f"/api/datasets/{ID}/branch/([^/]+)", "branch"),
    ("POST", f"/api/datasets/{ID}/tag/([^/]+)", "tag"),
    ("DELETE", f"/api/datasets/{ID}/tag/([^/]+)", "untag"),
    ("GET", f"/api/datasets/{ID}", "info"),
    ("GET", f"/api/models/{ID}/revision/([^/]+)", "info"),
    ("GET", f"/api/models/{ID}/tree/([^/]+)", "tree"),
    ("GET", f"/api/models/{ID}", "info"),
    ("GET HEAD", f"/{ID}/resolve/([^/]+)/(.+)", "resolve"),
    ("POST", r"/datasets/([^/]+/[^/]+)\.git/info/lfs/objects/batch", "batch"),
    ("PUT", "/upload/([0-9a-f]{64})", "upload"),
    ("GET HEAD", f"/datasets/{ID}/resolve/([^/]+)/(.+)", "resolve"),
    ("GET HEAD", "/cdn/([0-9a-f]{64})", "cdn"),
)
