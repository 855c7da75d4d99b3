using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Exact.Tests.Accounts;
using Microsoft.Extensions.Logging;

namespace Exact.Tests.Support;

/// <summary>
/// Reads every line that a service of the tests logs, and fails the test or the class at its end if one has a secret or a
/// hash.
/// </summary>
internal sealed class LoggedSecrets : ILoggerProvider, ILogger
{
    /// <summary>
    /// The keys and passwords of the tests; a password in a connection string; Django's and Identity's hashes; personal
    /// tokens; what Data Protection encrypts, such as cookies; private keys.
    /// </summary>
    private static readonly Regex Secret = new(
        string.Join(
            '|',
            Regex.Escape(ExactApp.AdminKey),
            Regex.Escape(AccountsApp.Password),
            """\b(password|pwd)\s*=\s*(?!\.\.\.)[^\s;*"'<>]""",
            @"\b(pbkdf2_sha(1|256)|argon2\w*|bcrypt(_sha256)?|scrypt)\$[\w$=,]*[\w+/=.]",
            @"\bAQAAAA[EI]AA[\w+/]",
            @"\bexact_pat_[0-9A-Za-z]",
            @"\bCfDJ8[\w-]",
            "PRIVATE KEY|<masterKey"
        ),
        RegexOptions.IgnoreCase | RegexOptions.Compiled
    );

    private readonly ConcurrentQueue<string> found = new();

    /// <summary>What is secret in a line; null if nothing is.</summary>
    public static string? Find(string line) =>
        Secret.Match(line) is { Success: true } match ? $"\"{match.Value}\" in \"{line}\"" : null;

    public static void Refuse(IEnumerable<string> lines) => Assert.Empty(lines.Select(Find).OfType<string>());

    public void Refuse() => Refuse(found);

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    )
    {
        var line = $"{formatter(state, exception)} {exception}";
        if (Find(line) is not null)
        {
            found.Enqueue(line);
        }
    }

    public void Dispose() { }
}
