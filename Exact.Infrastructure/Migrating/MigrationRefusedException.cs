namespace Exact.Infrastructure.Migrating;

/// <summary>The database cannot be migrated from here. The message names the cause and the way out; waiting would not help.</summary>
public sealed class MigrationRefusedException(string message, Exception? innerException = null)
    : Exception(message, innerException);
