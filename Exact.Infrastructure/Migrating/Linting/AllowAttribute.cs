namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>Allows a migration to break one rule of the linter, with the reason why that is safe.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true, Inherited = false)]
internal sealed class AllowAttribute(string rule, string reason) : Attribute
{
    /// <summary>The rule that every migration with raw SQL breaks.</summary>
    public const string RawSql = "raw-sql";

    /// <summary>The placeholder for the reason why raw SQL is safe.</summary>
    public const string RawSqlReason = "<what it locks, for how long, and what running replicas see>";

    /// <summary>The code of the rule.</summary>
    public string Rule => rule;

    /// <summary>Why breaking the rule is safe here.</summary>
    public string Reason => reason;

    /// <summary>Whether it has a reason; angle brackets mark a placeholder that a person has to replace.</summary>
    public bool HasReason => !string.IsNullOrWhiteSpace(reason) && !reason.StartsWith('<');
}
