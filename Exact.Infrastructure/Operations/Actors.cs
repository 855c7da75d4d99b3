namespace Exact.Infrastructure.Operations;

/// <summary>The names that the journal gives to what no account does. No account can take them or own what they made.</summary>
internal static class Actors
{
    public const string AdminKey = "admin-key";
    public const string CommandLine = "command-line";
    public const string Startup = "startup";
    public const string Schedule = "schedule";

    private static readonly string[] All = [AdminKey, CommandLine, Startup, Schedule];

    /// <summary>Whether the name is one of them, in whatever case.</summary>
    public static bool Include(string name) => All.Contains(name, StringComparer.OrdinalIgnoreCase);
}
