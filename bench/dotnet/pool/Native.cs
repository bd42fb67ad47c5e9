// The clocks and the short sleeps of the peers in C, because .NET's own sleep is never shorter than a millisecond, and
// its processor time comes in larger steps.

using System.Runtime.InteropServices;

namespace Apm.Bench;

internal static unsafe class Native
{
    private const int ClockMonotonic = 1;
    private const int ClockProcessCpuTime = 2;
    private const int TimerAbsolute = 1;
    private const int SetTimerSlack = 29;

    private struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    [DllImport("libc")] private static extern int usleep(uint microseconds);
    [DllImport("libc")] private static extern int clock_gettime(int clock, Timespec* time);
    [DllImport("libc")] private static extern int clock_nanosleep(int clock, int flags, Timespec* time, Timespec* left);
    [DllImport("libc")] private static extern int prctl(int option, nuint a, nuint b, nuint c, nuint d);

    public static long NowNs() => Read(ClockMonotonic);

    public static long CpuNs() => Read(ClockProcessCpuTime);

    public static void Sleep(uint microseconds) => usleep(microseconds);

    public static void SleepUntil(long timeNs)
    {
        Timespec time = new() { Seconds = timeNs / 1000000000, Nanoseconds = timeNs % 1000000000 };
        clock_nanosleep(ClockMonotonic, TimerAbsolute, &time, null);
    }

    // Of the calling thread, and of those that it starts later.
    public static void SleepPrecisely() => prctl(SetTimerSlack, 1, 0, 0, 0);

    private static long Read(int clock)
    {
        Timespec time;
        clock_gettime(clock, &time);
        return time.Seconds * 1000000000 + time.Nanoseconds;
    }
}
