namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>
/// Lets one rule of <see cref="MigrationLinter"/> pass in the migration that wears it. The reason is for whoever asks, a year later,
/// why this was safe; one without a reason, or that lets nothing pass, is itself a finding.
/// </summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true, Inherited = false)]
internal sealed class AllowAttribute(string rule, string reason) : Attribute
{
    /// <summary>The code of the rule.</summary>
    public string Rule => rule;

    /// <summary>Why the rule does not matter here.</summary>
    public string Reason => reason;

    /// <summary>Whether it says why; what a finding leaves open for a person to say stands in angle brackets.</summary>
    public bool HasReason => !string.IsNullOrWhiteSpace(reason) && !reason.StartsWith('<');
}
