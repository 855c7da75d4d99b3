namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>One thing that is wrong with one migration, and what to write instead.</summary>
/// <param name="Migration">The migration's id.</param>
/// <param name="Rule">The code of the rule, as <see cref="AllowAttribute"/> takes it.</param>
/// <param name="Severity">Whether it fails the build.</param>
/// <param name="Operation">The operation, such as <c>CreateIndex ix_scores_username on scores</c>; null: the migration as a whole.</param>
/// <param name="Problem">What is wrong, in one sentence.</param>
/// <param name="SafeForm">What to write instead.</param>
internal sealed record LintFinding(
    string Migration,
    string Rule,
    LintSeverity Severity,
    string? Operation,
    string Problem,
    SafeForm SafeForm
)
{
    /// <summary>The finding as a developer reads it where the build has failed.</summary>
    public override string ToString()
    {
        var place = Operation is null ? Migration : $"{Migration}, {Operation}";
        return $"{place}\n{(Severity == LintSeverity.Error ? "error" : "warning")} {Rule}: {Problem}\nInstead:\n\n{SafeForm.Code}\n";
    }
}

internal enum LintSeverity
{
    /// <summary>Locks, rewrites, loses or breaks something: fails the build.</summary>
    Error,

    /// <summary>Costs something, and may be meant.</summary>
    Warning,
}
