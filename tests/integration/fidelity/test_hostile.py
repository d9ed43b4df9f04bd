"""Tests that do to their process whatever a process lets them do: what comes of it is what comes of
it in a serial run."""

from __future__ import annotations

from fidelity.compared import assert_same, both
from suites import Suite

# Every test undoes nothing: what it leaves behind must hurt nobody else, here as in a serial run.
FUNCTIONS = """
    import asyncio, builtins, gc, io, logging, os, pickle, random, resource, select, signal, socket
    import struct, subprocess, sys, tempfile, threading, time, warnings

    import pytest

    def broken(*args, **kwargs):
        raise RuntimeError("not the test's business")

    @pytest.mark.parametrize(
        "target",
        ["os.write", "os.read", "os.getpid", "os.lseek", "os.pread", "os.ftruncate",
         "os.close", "os.waitpid", "time.time", "time.perf_counter", "time.monotonic",
         "select.poll", "resource.getrusage", "socket.socket", "struct.Struct", "signal.signal",
         "builtins.open", "io.open", "os.open", "os.get_blocking"],
    )
    def test_replaces(monkeypatch, target):
        monkeypatch.setattr(target, broken)

    @pytest.mark.parametrize("value", [-1e9, 1e12])
    def test_turns_the_clocks(monkeypatch, value):
        for name in ("time", "perf_counter", "monotonic", "process_time"):
            monkeypatch.setattr(time, name, lambda: value)

    def test_fake_pid(monkeypatch):
        monkeypatch.setattr(os, "getpid", lambda: 1)

    @pytest.mark.parametrize("name", ["stdout", "stderr", "stdin", "argv", "path", "meta_path"])
    def test_replaces_in_sys(monkeypatch, name):
        monkeypatch.setattr(sys, name, [] if name in ("argv", "path") else None)

    def test_prints_to_its_own(monkeypatch):
        monkeypatch.setattr(sys, "stdout", io.StringIO())
        print("unseen")

    def test_forgets_modules(monkeypatch):
        for name in ("os", "time", "threading", "traceback", "atexit", "schedctl_pytest"):
            monkeypatch.delitem(sys.modules, name, raising=False)

    def test_clears_the_environment(monkeypatch):
        kept = {name: os.environ[name] for name in ("PYTEST_CURRENT_TEST", "RECORD")}
        os.environ.clear()
        os.environ.update(kept)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGCHLD,
        signal.SIGALRM, signal.SIGPIPE, signal.SIGUSR1, signal.SIGUSR2, signal.SIGIO,
        signal.SIGHUP])
    def test_handles_a_signal(number):
        before = signal.signal(number, lambda *_: None)
        os.kill(os.getpid(), number)
        signal.signal(number, before)

    @pytest.fixture(scope="class")
    def restored():
        # What lasts from one test to the next, but not beyond the class.
        cwd, umask, limit = os.getcwd(), os.umask(0o22), resource.getrlimit(resource.RLIMIT_FSIZE)
        handlers = {n: signal.getsignal(n) for n in SETTABLE}
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        yield
        os.chdir(cwd)
        os.umask(umask)
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    SETTABLE = set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}

    @pytest.mark.usefixtures("restored")
    class Lasting:
        ...

    class TestSignalsIgnored(Lasting):
        def test_does_it(self):
            for number in SETTABLE:
                signal.signal(number, signal.SIG_IGN)

        def test_after(self): ...

    class TestSignalsBlocked(Lasting):
        def test_does_it(self):
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())

        def test_after(self): ...

    class TestGone(Lasting):
        def test_does_it(self, tmp_path):
            os.chdir(tmp_path)
            tmp_path.rmdir()

        def test_after(self): ...

    class TestUmask(Lasting):
        def test_does_it(self):
            os.umask(0o777)

        def test_after(self): ...

    class TestFileSize(Lasting):
        def test_does_it(self):
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 10, resource.RLIM_INFINITY))

        def test_after(self): ...

    def test_asks_for_an_alarm():
        signal.setitimer(signal.ITIMER_REAL, 3600)

    def test_sets_up_a_wakeup_fd():
        pair = socket.socketpair()
        pair[1].setblocking(False)
        signal.set_wakeup_fd(pair[1].fileno())
        signal.set_wakeup_fd(-1)

    @pytest.mark.parametrize("fd", [0, 1, 2])
    def test_closes_a_standard_stream(fd):
        os.close(fd)

    def test_limits_descriptors():
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (20, hard))
        with pytest.raises(OSError):
            kept = [open("/dev/null") for _ in range(30)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_limits_memory():
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, before[1]))
        with pytest.raises(MemoryError):
            bytearray(2 << 30)
        resource.setrlimit(resource.RLIMIT_AS, before)

    def test_runs_out_of_memory():
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, before[1]))
        try:
            bytearray(2 << 30)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)

    def test_recurses():
        def deeper(n): return deeper(n + 1)
        deeper(0)

    def test_recursion_limit(monkeypatch):
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + 1000)

    def test_leads_a_session_of_its_own():
        os.setpgid(0, 0) if os.getpgid(0) != os.getpid() else None

    def test_is_nice():
        os.nice(1)

    def test_moves_to_one_cpu():
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    def test_temporary_folder_goes_away(monkeypatch, tmp_path):
        monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
        tempfile.tempdir = None

    def test_switches_gc_off():
        gc.disable()

    def test_traces():
        sys.settrace(lambda *_: None)

    def test_profiles():
        sys.setprofile(lambda *_: None)

    def test_warnings_become_errors():
        warnings.simplefilter("error")

    def test_leaves_a_loop_open():
        asyncio.set_event_loop(asyncio.new_event_loop())

    def test_adds_a_handler():
        logging.getLogger().addHandler(logging.NullHandler())
        logging.disable(logging.CRITICAL)
        logging.disable(logging.NOTSET)

    def test_locale():
        import locale
        locale.setlocale(locale.LC_ALL, "C")

    def test_hook_on_imports():
        class Finder:
            @staticmethod
            def find_spec(name, path=None, target=None): return None
        sys.meta_path.insert(0, Finder)

    def test_reads_standard_input():
        input()

    def test_forks():
        pid = os.fork()
        if not pid:
            os._exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3

    def test_child_exits():
        pid = os.fork()
        if not pid:
            os._exit(0)

    @pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
    def test_multiprocessing(method):
        import multiprocessing
        context = multiprocessing.get_context(method)
        process = context.Process(target=print)
        process.start()
        process.join()
        assert process.exitcode == 0

    def test_pool():
        import multiprocessing
        with multiprocessing.get_context("fork").Pool(1) as pool:
            assert pool.map(abs, [-1]) == [1]

    def test_subprocess():
        assert subprocess.check_output(["echo", "it"]) == b"it\\n"

    def test_daemon_survives():
        if not os.fork():
            os.setsid()
            time.sleep(1)
            os._exit(0)

    def test_thread():
        thread = threading.Thread(target=print)
        thread.start()
        thread.join()

    def test_thread_is_left_behind():
        threading.Thread(target=time.sleep, args=(0.2,)).start()

    def test_thread_raises():
        thread = threading.Thread(target=broken)
        thread.start()
        thread.join()

    def test_binary():
        os.write(1, bytes(range(256)))
        sys.stdout.buffer.write(b"\\xff\\0")
        assert 0

    def test_100_mb():
        line = "x" * 999 + "\\n"
        for _ in range(100_000):
            sys.stdout.write(line)

    def test_100_mb_in_a_message():
        raise ValueError("x" * 100_000_000)

    def test_seeds():
        random.seed(1)

    class Unpicklable:
        def __reduce__(self): raise TypeError("no")
        def __repr__(self): return "<unpicklable>"

    class Unspeakable(Exception):
        def __str__(self): raise RuntimeError("no text")
        __repr__ = __str__

    def test_unspeakable():
        raise Unspeakable()

    def test_unpicklable_error():
        error = ValueError("it")
        error.thing = Unpicklable()
        raise error

    def test_chained():
        try:
            raise KeyError("first")
        except KeyError as error:
            raise Unspeakable("second") from error

    class Base(BaseException): ...

    @pytest.mark.parametrize("kind", [SystemExit, GeneratorExit, Base, StopIteration])
    def test_raises(kind):
        raise kind("it")

    def test_pickles_its_session(request):
        assert request.node in request.session.items
        assert request.config.cache.get("nothing", 5) == 5
        request.config.cache.set("something/of", "mine")
        assert request.config.cache.get("something/of", 5) == "mine"
        with pytest.raises(Exception):
            pickle.dumps(request.session)

    def test_passes_after_all_that(): ...
"""


def test_whatever_tests_do(suite: Suite, start: str) -> None:
    suite.write(test_hostile=FUNCTIONS)
    serial, ours = both(suite, start, "--tb=no", "-rN", "--show-capture=no")
    assert_same(serial, ours)
