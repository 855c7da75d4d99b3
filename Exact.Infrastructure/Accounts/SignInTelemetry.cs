using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Exact.Infrastructure.Accounts;

/// <summary>The spans and metrics of sign-ins and of the queue for hashing passwords.</summary>
internal sealed class SignInTelemetry
{
    private readonly Counter<long> attempts;

    public SignInTelemetry(IMeterFactory meters, PasswordGate gate)
    {
        var meter = meters.CreateExact();
        attempts = meter.CreateCounter<long>(
            "exact.sign_ins",
            "{attempt}",
            "Passwords that were sent to sign in or to change one, by outcome"
        );
        meter.CreateObservableGauge(
            "exact.sign_ins.waiting",
            () => gate.Waiting,
            "{request}",
            "Requests of this process that wait to hash a password"
        );
    }

    /// <summary>Begins each series, as <see cref="Operations.OperationTelemetry.StartAtZero"/> does.</summary>
    public void StartAtZero()
    {
        foreach (var outcome in Enum.GetValues<SignInOutcome>())
        {
            attempts.Add(0, Tag(outcome));
        }
    }

    public static Activity? Start() => Telemetry.Source.StartActivity("exact.sign_in");

    public void End(Activity? span, SignInOutcome outcome)
    {
        attempts.Add(1, Tag(outcome));
        span?.SetTag("outcome", NameOf(outcome));
    }

    private static KeyValuePair<string, object?> Tag(SignInOutcome outcome) => new("outcome", NameOf(outcome));

    private static string NameOf(SignInOutcome outcome) => outcome.ToString().ToLowerInvariant();
}

internal enum SignInOutcome
{
    Succeeded,

    /// <summary>The name or the password was wrong, or the account is disabled.</summary>
    Failed,

    /// <summary>Too many have failed before.</summary>
    Throttled,

    /// <summary>Too many requests waited to hash a password.</summary>
    Overloaded,
}
