// The blocking cells, see pool_apm_blocking.c. Each part runs in a process of its own, so that it begins with a pool
// that has not grown yet.

using System;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;

namespace Apm.Bench;

internal static class Blocking
{
    private const int Items = 32;
    private const int Sleepers = 8;
    private const int DeadlineMs = 100;

    public static readonly (string Name, Action<int, TimeSpan> Run)[] Parts =
    [
        ("library_wait", LibraryWait),
        ("task_wait", TaskWait),
        ("plain_wait", PlainWait),
        ("blocked_receive", BlockedReceive),
        ("blocked_deadline", BlockedDeadline),
    ];

    public static int RunAll(int workers, double seconds)
    {
        foreach ((string name, _) in Parts)
        {
            ProcessStartInfo start = new(Environment.ProcessPath!);
            foreach (string argument in (string[])[typeof(Blocking).Assembly.Location, $"{workers}", name, "--seconds",
                                                   FormattableString.Invariant($"{seconds}")])
                start.ArgumentList.Add(argument);
            using Process part = Process.Start(start)!;
            part.WaitForExit();
            if (part.ExitCode != 0)
                return part.ExitCode;
        }
        return 0;
    }

    // Queues the items, releases them when all have started or the limit has come, and prints when they started.
    private static void Measure(string part, TimeSpan limit, Action block, Action release)
    {
        double[] startedMs = new double[Items];
        int started = 0;
        using ManualResetEventSlim allStarted = new(false);
        using CountdownEvent ended = new(Items);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Items; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(_ =>
            {
                int place = Interlocked.Increment(ref started);
                startedMs[place - 1] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                if (place == Items)
                    allStarted.Set();
                block();
                ended.Signal();
            }, null);
        }
        allStarted.Wait(limit);
        int count = Volatile.Read(ref started);
        foreach (int k in (int[])[1, 2, 4, 8, 16, 32])
        {
            string time = k <= count ? FormattableString.Invariant($"{startedMs[k - 1]:F2}") : "-";
            Console.WriteLine($"{part} started_{k}_ms {time}");
        }
        release();
        ended.Wait();
    }

    private static void LibraryWait(int workers, TimeSpan limit)
    {
        using ManualResetEvent end = new(false);
        Measure("library_wait", limit, () => end.WaitOne(), () => end.Set());
    }

    // The one wait that .NET's pool is told of.
    private static void TaskWait(int workers, TimeSpan limit)
    {
        TaskCompletionSource end = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Measure("task_wait", limit, end.Task.Wait, end.SetResult);
    }

    private static void PlainWait(int workers, TimeSpan limit)
    {
        object mutex = new();
        bool end = false;
        Measure("plain_wait", limit, () =>
        {
            lock (mutex)
            {
                while (!end)
                    Monitor.Wait(mutex);
            }
        }, () =>
        {
            lock (mutex)
            {
                end = true;
                Monitor.PulseAll(mutex);
            }
        });
    }

    // Queues sleeping items, and returns when as many as the pool has workers have started.
    private static void Sleep(int workers, ManualResetEventSlim end)
    {
        using CountdownEvent started = new(Math.Min(workers, Sleepers));
        CountdownEvent counted = started;
        int places = 0;
        for (int i = 0; i < Sleepers; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(_ =>
            {
                if (Interlocked.Increment(ref places) <= counted.InitialCount)
                    counted.Signal();
                while (!end.IsSet)
                    Thread.Sleep(1);
            }, null);
        }
        started.Wait();
    }

    private static void BlockedReceive(int workers, TimeSpan limit)
    {
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using Socket peer = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        peer.Connect(listener.LocalEndPoint!);
        using Socket socket = listener.Accept();
        using ManualResetEventSlim end = new(false);
        using ManualResetEventSlim received = new(false);
        long arrived = 0;
        socket.BeginReceive(new byte[1], 0, 1, SocketFlags.None, result =>
        {
            arrived = Stopwatch.GetTimestamp();
            socket.EndReceive(result);
            received.Set();
        }, null);
        Sleep(workers, end);
        long sent = Stopwatch.GetTimestamp();
        peer.Send(new byte[1]);
        Report("blocked_receive delay_ms", received.Wait(limit), Stopwatch.GetElapsedTime(sent, arrived));
        end.Set();
        received.Wait();
    }

    // A timer of 100 ms, as the library has deadlines of operations.
    private static void BlockedDeadline(int workers, TimeSpan limit)
    {
        using ManualResetEventSlim end = new(false);
        using ManualResetEventSlim fired = new(false);
        long firedAt = 0;
        Sleep(workers, end);
        long armed = Stopwatch.GetTimestamp();
        using Timer timer = new(_ =>
        {
            firedAt = Stopwatch.GetTimestamp();
            fired.Set();
        }, null, DeadlineMs, Timeout.Infinite);
        bool inTime = fired.Wait(limit);
        Report("blocked_deadline late_ms", inTime,
               Stopwatch.GetElapsedTime(armed, firedAt) - TimeSpan.FromMilliseconds(DeadlineMs));
        end.Set();
        fired.Wait();
    }

    private static void Report(string figure, bool inTime, TimeSpan time)
    {
        string text = inTime ? FormattableString.Invariant($"{time.TotalMilliseconds:F2}") : "-";
        Console.WriteLine($"{figure} {text}");
    }
}
