using System.Runtime.InteropServices;

namespace Exact.Api.Commands;

/// <summary>
/// A token that SIGTERM, Ctrl+C or a closed terminal cancels, so that what was started is also stopped.
/// </summary>
internal sealed class EndSignals : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;

    public EndSignals() =>
        registrations = [
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => End(context, 143)),
            PosixSignalRegistration.Create(PosixSignal.SIGINT, context => End(context, 130)),
            PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => End(context, 129)),
        ];

    public CancellationToken Token => source.Token;

    /// <summary>The exit code after the signal, 128 plus its number, as shells report it.</summary>
    public int ExitCode { get; private set; }

    public void Dispose()
    {
        foreach (var registration in registrations)
        {
            registration.Dispose();
        }

        source.Dispose();
    }

    private void End(PosixSignalContext context, int exitCode)
    {
        if (source.IsCancellationRequested)
        {
            return; // the second signal ends the process at once
        }

        context.Cancel = true;
        ExitCode = exitCode;
        source.Cancel();
    }
}
