namespace Exact.Infrastructure.Database;

/// <summary>What a connection string does not say.</summary>
[Section("Database")]
public sealed class DatabaseOptions
{
    /// <summary>
    /// A file with the password for connection strings that have none. It is read whenever a session is opened.
    /// </summary>
    public string? PasswordFile { get; set; }

    /// <summary>
    /// Whether the public reads of callers who are not signed in may go to a standby, where the connection string names
    /// several hosts. They may then be as old as the standby is behind.
    /// </summary>
    public bool ReadFromStandbys { get; set; }
}
