"""What is tested of WSGI and ASGI apps alike: each gives the same answer to a real server and through the adapter."""

from __future__ import annotations

from .answers import CONTENTS, SEEN
from .cells import contents_of, judge, requests_of, seen_by
from .differences import differences, received_query
from .exchange import through_adapter, through_socket
from .scenarios import BYTE_PATHS, BYTE_QUERIES, MOUNTED, QUERIES


class Half:
    """Half of the matrix. Its module has the fixtures ``ports`` and ``mounted_ports``: apps, and apps below a path.

    ``apps`` are all of them, ``frameworks`` those that parse what they get; ``mounted`` is what the real server is
    asked in place of ``MOUNTED``.
    """

    apps = ()
    frameworks = ()
    mounted = MOUNTED

    @classmethod
    def parameters(cls, test):
        """The parameters of a test: their names, the values of each run, and the ids of the runs."""
        if test == "test_same_answer":
            cells = [(app, True, name) for app in cls.apps for name in requests_of(app)]
            cells += [(app, False, name) for app in cls.apps for name in QUERIES]  # queries are also left joined
            return ("app", "split", "name"), cells, [f"{a}-{'split' if s else 'joined'}-{n}" for a, s, n in cells]
        if test == "test_same_answer_below_a_base_path":
            cells = [(name, app) for app in cls.apps for name in cls.mounted]
            return ("name", "app"), cells, [f"{name}-{app}" for name, app in cells]
        parses = test in ("test_query_with_each_ascii_character", "test_app_sees_what_was_sent")
        apps = cls.frameworks if parses else cls.apps
        return ("app",), [(app,) for app in apps], apps

    def test_same_answer(self, ports, get_handler, app, split, name):
        request = requests_of(app)[name]
        theirs = through_socket(ports[app], request)
        ours = through_adapter(get_handler(app, split_query=split), request)
        assert judge(app, name, request, theirs, ours, split=split) == {}

    def test_same_answer_below_a_base_path(self, mounted_ports, get_handler, app, name):
        theirs = through_socket(mounted_ports[app], self.mounted[name])
        ours = through_adapter(get_handler(app, base_path="/api"), MOUNTED[name])
        assert judge(app, name, MOUNTED[name], theirs, ours) == {}

    def test_path_with_each_byte(self, ports, get_handler, app):
        for name, request in BYTE_PATHS.items():
            theirs, ours = through_socket(ports[app], request), through_adapter(get_handler(app), request)
            assert judge(app, name, request, theirs, ours) == {}, name

    def test_query_with_each_ascii_character(self, ports, get_handler, app):
        """The names and values are the same; how they are written is not."""
        for name, request in BYTE_QUERIES.items():
            theirs = through_socket(ports[app], request)
            found = differences(theirs, through_adapter(get_handler(app, split_query=False), request))
            assert found.keys() <= received_query().keys(), name

    def test_app_sees_what_was_sent(self, get_handler, app):
        assert seen_by(get_handler(app, split_query=("tag",))) == SEEN

    def test_client_gets_what_the_app_gave(self, get_handler, app):
        assert contents_of(get_handler(app)) == CONTENTS
