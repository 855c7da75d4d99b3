namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>One problem of one migration, and what to write instead.</summary>
/// <param name="Migration">The migration's id.</param>
/// <param name="Rule">The code of the rule, as <see cref="AllowAttribute"/> names it.</param>
/// <param name="Severity">Whether it fails the test.</param>
/// <param name="Operation">
/// The operation, such as <c>CreateIndex ix_scores_username on scores</c>; null for the migration as a whole.
/// </param>
/// <param name="Problem">The problem, in one sentence.</param>
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
    /// <summary>Formats the finding for the output of the failed test.</summary>
    public override string ToString()
    {
        var place = Operation is null ? Migration : $"{Migration}, {Operation}";
        return $"{place}\n{(Severity == LintSeverity.Error ? "error" : "warning")} {Rule}: {Problem}\nInstead:\n\n{SafeForm.Code}\n";
    }
}

internal enum LintSeverity
{
    /// <summary>Locks, rewrites, loses or breaks something: fails the test.</summary>
    Error,

    /// <summary>Costs something, but may be intended.</summary>
    Warning,
}
