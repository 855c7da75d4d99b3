using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>
/// Finds what would lock or rewrite a table, or break running replicas; see docs/decisions/migration-linter.md.
/// </summary>
internal static class MigrationLinter
{
    /// <summary>Every rule, in the order in which they report.</summary>
    public static IReadOnlyList<LintRule> Rules { get; } =
    [
        .. IndexRules.All,
        .. ConstraintRules.All,
        .. ColumnRules.All,
        .. TypeRules.All,
        .. ContractRules.All,
        .. EnumRules.All,
        .. SqlRules.All,
        .. DataRules.All,
        .. FormRules.All,
    ];

    private static readonly HashSet<string> Codes = [.. Rules.Select(rule => rule.Code)];

    /// <summary>Checks every migration of a context, without a server.</summary>
    public static IReadOnlyList<LintFinding> Lint(DbContext context)
    {
        var assembly = context.GetService<IMigrationsAssembly>();
        var provider = context.Database.ProviderName!;
        return Lint(assembly.Migrations.Values.Select(type => assembly.CreateMigration(type, provider)));
    }

    /// <summary>Checks migrations independently of each other.</summary>
    public static IReadOnlyList<LintFinding> Lint(params IEnumerable<Migration> migrations) =>
        [.. migrations.SelectMany(migration => Lint(LintedMigration.Read(migration)))];

    /// <inheritdoc cref="Lint(IEnumerable{Migration})"/>
    public static IReadOnlyList<LintFinding> Lint(LintedMigration migration)
    {
        var found = Rules.SelectMany(rule => Apply(rule, migration)).ToList();
        var allowed = migration
            .Approvals.Where(approval => approval.HasReason)
            .Select(approval => approval.Rule)
            .ToHashSet();
        return
        [
            .. found.Where(finding => !allowed.Contains(finding.Rule)),
            .. migration.Approvals.SelectMany(approval => CheckApproval(approval, migration, found)),
        ];
    }

    private static IEnumerable<LintFinding> Apply(LintRule rule, LintedMigration migration) =>
        rule.Check(migration)
            .Select(violation => new LintFinding(
                migration.Id,
                rule.Code,
                rule.Severity,
                violation.Operation is null ? null : OperationCode.Describe(violation.Operation),
                violation.Problem,
                violation.SafeForm
            ));

    private static IEnumerable<LintFinding> CheckApproval(
        AllowAttribute approval,
        LintedMigration migration,
        List<LintFinding> found
    )
    {
        LintFinding Wrong(string rule, string problem, string code) =>
            new(migration.Id, rule, LintSeverity.Error, $"Allow {approval.Rule}", problem, SafeForm.Write(code));

        if (!approval.HasReason)
        {
            yield return Wrong(
                "allow-without-reason",
                $"It does not say why breaking \"{approval.Rule}\" is safe.",
                $"[Allow(\"{approval.Rule}\", \"<why it blocks nobody, and breaks no running replica>\")]"
            );
        }

        if (!Codes.Contains(approval.Rule))
        {
            yield return Wrong(
                "allow-unknown-rule",
                $"There is no rule \"{approval.Rule}\".",
                $"// one of: {string.Join(", ", Codes)}"
            );
        }
        else if (found.TrueForAll(finding => finding.Rule != approval.Rule))
        {
            yield return Wrong(
                "allow-stale",
                $"Nothing here breaks \"{approval.Rule}\", so it would only hide a later mistake.",
                "// remove the attribute"
            );
        }
    }
}
