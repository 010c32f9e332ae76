#!/usr/bin/env python3
"""Python's asyncio as a contestant, written from benches/contestant/PROTOCOL.md alone."""
import asyncio, gc, json, math, os, pathlib, platform, resource, select, signal, sys, time
clock = time.perf_counter_ns  # Monotonic, and the finest that Python has.
# Only `send` has the real standard output. Whatever else prints, C code too, gets standard error.
replies = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)

def send(type, **members):
    replies.write(json.dumps({"type": type, **members}).encode() + b"\n")
    replies.flush()

def end_with_harness(*_):
    # 20 times a second. A thread that reads would wait for the interpreter's lock, up to 300 ms.
    poll = select.poll()
    poll.register(0, 0)  # Even so it reports that the other side is closed.
    if poll.poll(0) or os.getppid() != parent:  # Others may hold the pipe open when that dies.
        os._exit(0)

# The workloads. Each returns its result, which `drive` checks outside the time that it takes.
async def value(i):
    return i
async def yielding(times):
    resumed = 0
    for _ in range(times):
        await asyncio.sleep(0)
        resumed += 1
    return resumed
async def partner(pinged, pong):
    pong.set_result(await pinged + 1)
async def ping(i):
    loop = asyncio.get_running_loop()
    pinged, pong = loop.create_future(), loop.create_future()  # asyncio's own one-shot channels.
    loop.create_task(partner(pinged, pong))
    pinged.set_result(i)
    return await pong

async def join(bodies):
    spawn = asyncio.get_running_loop().create_task
    return sum([await handle for handle in [spawn(body) for body in bodies]])

# By name: the parameters, the work, and its right result. Operations are their product.
WORKLOADS = {
    "spawn_many_local": (["tasks"], lambda n: join(map(value, range(n))), lambda n: sum(range(n))),
    "yield_many": (["tasks", "yields"], lambda n, times: join(yielding(times) for _ in range(n)),
                   lambda n, times: n * times),
    "ping_pong": (["pairs"], lambda n: join(map(ping, range(n))), lambda n: sum(range(n + 1))),
}

def expect(found, right, what):  # No `assert`: `python3 -O` leaves those out.
    if found != right:
        raise RuntimeError(f"{what}: {found!r}, where {right!r} is right")

async def drive(work, right, params, iterations):
    elapsed, reported = 0, clock()
    for _ in range(iterations):
        start = clock()
        result = await work(*params)
        end = clock()
        elapsed += end - start
        expect(result, right, "the result of an iteration")
        if end - reported > 1_000_000_000:
            send("alive")
            reported = end
    return elapsed

def process():
    threads = pathlib.Path("/proc/self/task").glob("*/schedstat")  # Only Linux has it; else 0.
    delay = sum(int(thread.read_text().split()[1]) for thread in threads)
    usage = resource.getrusage(resource.RUSAGE_SELF)  # Next to the clock, as they are compared.
    return dict(cpu_ns=round((usage.ru_utime + usage.ru_stime) * 1e9), run_delay_ns=delay,
                voluntary_switches=usage.ru_nvcsw, involuntary_switches=usage.ru_nivcsw,
                wall_ns=clock())

async def panic_is_seen():
    victim = asyncio.create_task(drive(value, 7, [8], 1))  # It has a wrong result, and raises.
    other = asyncio.create_task(yielding(10))
    (seen,) = await asyncio.gather(victim, return_exceptions=True)
    expect((type(seen), await other), (RuntimeError, 10), "the ends of both tasks")

async def cancel(body):
    task = asyncio.create_task(body)
    await yielding(3)
    task.cancel()
    await asyncio.wait([task], timeout=1)
    expect(task.done() and task.cancelled(), True, "whether the task was cancelled")

async def task_outlives_handle():
    loop = asyncio.get_running_loop()
    pinged, pong = loop.create_future(), loop.create_future()
    loop.create_task(partner(pinged, pong))
    await yielding(3)
    gc.collect()  # asyncio refers to its tasks weakly, so this might take the task as well.
    pinged.set_result(41)
    expect(await asyncio.wait_for(pong, 1), 42, "the answer of a task without a handle")

async def endless_yields():  # They do have an end: starvation is to be a failure and not a hang.
    hogs = [asyncio.create_task(yielding(1_000_000)) for _ in range(2)]
    await asyncio.create_task(yielding(100))
    await asyncio.sleep(0.005)  # Timers must come through as well.
    expect([hog.done() for hog in hogs], [False, False], "whether the hogs ended first")

BEHAVIOURS = {
    "panics::seen_by_the_awaiter_only": panic_is_seen,
    "cancel::while_it_yields": lambda: cancel(yielding(1 << 60)),
    "cancel::while_it_sleeps": lambda: cancel(asyncio.sleep(60)),
    "handles::task_outlives_its_handle": task_outlives_handle,
    "fairness::endless_yields_stop_nobody": endless_yields,
}
# The requests, and whether a runtime has to be started for them. `None`: it does not matter.
REQUESTS = {"describe": None, "start": False, "run": True, "figures": True, "counters": True,
            "shutdown": True, "behaviours": None, "conform": False}

Refused = type("Refused", (Exception,), {})
def refuse_if(wrong, reason):
    if wrong:
        raise Refused(reason)
def member(request, name, kind):  # Not by `isinstance`: to Python, `True` is an `int`.
    refuse_if(type(request.get(name)) is not kind, f"`{name}` has to be of type {kind.__name__}")
    return request[name]
def known(name, names, what):  # The list is for names that cannot be hashed.
    refuse_if(name not in list(names), f"there is no {what} called {json.dumps(name)[:80]}")
    return name

class Session:
    described, loop, job = False, None, None
    def answer(self, line):
        try:
            request = json.loads(line.decode())
        except (ValueError, RecursionError) as error:
            raise Refused(f"this is no JSON in UTF-8: {error}")
        refuse_if(type(request) is not dict, "a message has to be an object")
        name, started = known(member(request, "type", str), REQUESTS, "request"), bool(self.loop)
        refuse_if(not self.described and name != "describe", "`describe` has to come first")
        refuse_if(REQUESTS[name] == (not started), f"`{name}` with a runtime started: {started}")
        if name in ("start", "behaviours", "conform"):  # These name a runtime.
            known(request.get("runtime"), ["asyncio"], "runtime")
        getattr(self, name)(request)
    def describe(self, request):
        refuse_if(request.get("protocol") != 1, "this contestant speaks version 1 only")
        self.described = True
        send("description", protocol=1, workloads=list(WORKLOADS), runtimes=[dict(
            name="asyncio", configuration={}, summary="The event loop of Python's own library.",
            isolates="What interpreted tasks cost.", relatives=["local"], package="asyncio",
            own=["language", "workloads", "reactor", "channels"], max_workers=1, stacks=False)],
            build=dict(compiler=f"CPython {platform.python_version()}", optimised=True))
    def start(self, request):
        names, work, right = WORKLOADS[known(request.get("workload"), WORKLOADS, "workload")]
        workers, params = member(request, "workers", int), member(request, "params", dict)
        refuse_if(workers != 1, f"asyncio has exactly one worker, not {workers}")
        for name in [*params, *names]:
            number = member(params, known(name, names, "parameter"), int)
            refuse_if(number < 1, f"`{name}` has to be at least 1, not {number}")
        params = [params[name] for name in names]
        self.loop, self.job = asyncio.new_event_loop(), (work, right(*params), params)
        send("started")
    def run(self, request):
        iterations, counted = member(request, "iterations", int), member(request, "counted", bool)
        refuse_if(iterations < 1, "there has to be at least one iteration")
        before = counted and process()
        elapsed = self.loop.run_until_complete(drive(*self.job, iterations))
        sample = dict(elapsed_ns=elapsed, operations=iterations * math.prod(self.job[2]))
        if counted:  # asyncio keeps no counters.
            used = {name: now - before[name] for name, now in process().items()}
            sample["counted"] = dict(counters={}, per_worker={}, process=used)
        send("sample", **sample)
    figures = lambda self, request: send("figures", figures={})
    counters = lambda self, request: send("counters", counters={}, per_worker={})
    behaviours = lambda self, request: send("behaviours", names=list(BEHAVIOURS))
    def shutdown(self, request):
        left = len(asyncio.all_tasks(self.loop))
        self.loop = self.loop.close()
        send("stopped", counters={}, broken_law=f"{left} tasks have not ended" if left else None)
    def conform(self, request):
        names = [known(x, BEHAVIOURS, "behaviour") for x in member(request, "behaviours", list)]
        names, passed = names or list(BEHAVIOURS), 0
        for name in names:
            send("checking", name=name)
            start, reason = clock(), None
            try:
                asyncio.run(asyncio.wait_for(BEHAVIOURS[name](), 5))
                passed += 1
            except (Exception, asyncio.CancelledError) as error:
                reason = repr(error)
            send("checked", name=name, passed=not reason, reason=reason, elapsed_ns=clock() - start)
        send("conformance", passed=passed, failed=len(names) - passed)

parent = os.getppid()
signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Nobody reads: end, without a traceback.
signal.signal(signal.SIGALRM, end_with_harness)
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
session = Session()
for line in sys.stdin.buffer:
    try:
        session.answer(line)
    except Refused as refusal:
        send("refused", reason=str(refusal))
    except (Exception, asyncio.CancelledError) as error:
        send("failed", kind="failed", reason=repr(error))
os._exit(0)  # At once: Python's own way out lets SIGALRM kill it.
