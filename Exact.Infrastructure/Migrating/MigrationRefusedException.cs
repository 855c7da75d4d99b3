namespace Exact.Infrastructure.Migrating;

/// <summary>
/// The database cannot be migrated, and waiting does not help. The message gives the cause and what to do.
/// </summary>
public sealed class MigrationRefusedException(string message, Exception? innerException = null)
    : Exception(message, innerException);
