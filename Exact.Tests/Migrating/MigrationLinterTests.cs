using System.Reflection;
using Exact.Infrastructure.Migrating.Linting;
using Exact.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Exact.Tests.Migrating;

/// <summary>What the linter finds. That its safe forms are safe is <see cref="SafeFormTests"/>' claim.</summary>
public sealed class MigrationLinterTests
{
    private const BindingFlags Declared = BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private static readonly string[] Included = ["username"];
    private static readonly string[] Widened = ["status", "username", "free"];

    public static TheoryData<string> Rules => [.. LintCase.All.Select(lintCase => lintCase.Rule)];

    [Fact]
    public void No_migration_has_a_copy_of_the_model()
    {
        using var context = MigratedTemplate.CreateContext("Host=nowhere");

        var migrations = context.GetService<IMigrationsAssembly>().Migrations;

        Assert.All(
            migrations,
            migration =>
                Assert.True(
                    migration.Value.GetMethod("BuildTargetModel", Declared) is null,
                    $"Move the two attributes from {migration.Key}.Designer.cs to {migration.Key}.cs, and delete the first."
                )
        );
    }

    [Fact]
    public void Every_migration_of_the_product_is_clean()
    {
        using var context = MigratedTemplate.CreateContext("Host=nowhere");

        var findings = MigrationLinter.Lint(context);

        foreach (var warning in findings.Where(finding => finding.Severity == LintSeverity.Warning))
        {
            TestContext.Current.AddWarning(warning.ToString());
        }

        var errors = findings.Where(finding => finding.Severity == LintSeverity.Error).ToList();
        Assert.True(errors.Count == 0, $"\n{string.Join("\n", errors)}");
    }

    [Fact]
    public void Every_rule_has_its_case() =>
        Assert.Equal(
            MigrationLinter.Rules.Select(rule => rule.Code).Except(["missing-down"]).Distinct().Order(),
            Rules.Select(row => row.Data).Order()
        );

    [Theory]
    [MemberData(nameof(Rules))]
    public void A_rule_finds_what_breaks_it_and_not_the_safe_counterpart(string rule)
    {
        var (broken, kept) = (Case(rule).Broken, Case(rule).Kept);

        Assert.Contains(MigrationLinter.Lint(broken), finding => finding.Rule == rule);
        Assert.DoesNotContain(MigrationLinter.Lint(kept), finding => finding.Rule == rule);
    }

    [Theory]
    [MemberData(nameof(Rules))]
    public void Every_safe_form_is_clean_itself(string rule)
    {
        var safe = MigrationLinter
            .Lint(Case(rule).Broken)
            .Where(finding => finding.Rule == rule)
            .SelectMany(finding => finding.SafeForm.Migrations);

        foreach (var migration in safe)
        {
            Assert.Empty(MigrationLinter.Lint(AsWritten(migration)));
        }
    }

    [Fact]
    public void Nothing_locks_a_table_that_the_same_migration_creates() =>
        Assert.Empty(
            MigrationLinter.Lint(
                new UnregisteredMigration(m =>
                {
                    m.CreateTable(
                        "t",
                        table => new { id = table.Column<long>("bigint"), name = table.Column<string>("text") }
                    );
                    m.CreateIndex("ix_t_name", "t", "name");
                    m.AddPrimaryKey("pk_t", "t", "id");
                    m.AddCheckConstraint("ck_t", "t", "name <> ''");
                    m.AddColumn<Guid>("token", "t", "uuid", defaultValueSql: "gen_random_uuid()");
                })
            )
        );

    [Fact]
    public void A_migration_without_a_way_back_is_found_and_the_way_is_written_out()
    {
        var finding = Assert.Single(MigrationLinter.Lint(new OneWay()));

        Assert.Equal("missing-down", finding.Rule);
        Assert.Contains("migrationBuilder.DropColumn(name: \"note\", table: \"scores\");", finding.SafeForm.Code);
        Assert.Contains(MigrationLinter.Lint(new Refusing()), found => found.Rule == "missing-down");
    }

    [Fact]
    public void A_reason_allows_one_rule_and_no_other()
    {
        var finding = Assert.Single(MigrationLinter.Lint(new Allowing()));

        Assert.Equal("ban-drop-table", finding.Rule);
    }

    [Fact]
    public void An_annotation_without_a_reason_or_with_an_unknown_rule_or_nothing_to_allow_is_found() =>
        Assert.Equal(
            ["ban-drop-column", "allow-without-reason", "allow-without-reason", "allow-unknown-rule", "allow-stale"],
            MigrationLinter.Lint(new AllowingBadly()).Select(finding => finding.Rule)
        );

    [Fact]
    public void A_widening_that_checks_rows_or_rebuilds_an_index_is_found()
    {
        var findings = MigrationLinter.Lint(new Widening());

        Assert.Collection(
            findings,
            finding => Assert.Contains("the check ck_scores_status", finding.Problem),
            finding => Assert.Contains("the partial index ix_pending", finding.Problem)
        );
    }

    [Theory]
    [InlineData("UPDATE scores SET method_name = username", "UPDATE scores SET method_name = username")]
    [InlineData("DELETE FROM scores WHERE status = 'a;b';", "(status = 'a;b')")]
    [InlineData("UPDATE scores SET score = score + 1", "the_table")] // a second pass would add another
    [InlineData("UPDATE scores SET score = 1, method_name = ''", "the_table")]
    [InlineData("UPDATE scores SET score = c.id FROM challenges c WHERE true", "the_table")]
    public void A_statement_is_batched_only_where_a_second_pass_changes_nothing(string sql, string batched)
    {
        var finding = MigrationLinter
            .Lint(new UnregisteredMigration(m => m.Sql(sql)))
            .Single(found => found.Rule == "unbatched-backfill");

        Assert.Contains(batched, finding.SafeForm.Code);
    }

    [Fact]
    public void A_finding_reads_as_what_is_wrong_and_what_to_paste()
    {
        var finding = Assert.Single(
            MigrationLinter.Lint(
                new UnregisteredMigration(m =>
                    m.CreateIndex(
                            "ix_scores_best",
                            "scores",
                            ["challenge_id", "score"],
                            descending: [false, true],
                            filter: "status <> 'failed'"
                        )
                        .Annotation("Npgsql:IndexInclude", Included)
                )
            )
        );

        Assert.Equal(
            """
            UnregisteredMigration, CreateIndex ix_scores_best on scores
            error require-concurrent-index-creation: Nobody can write to scores until ix_scores_best is built; IsCreatedConcurrently() in the configuration builds it without blocking.
            Instead:

            // a migration of its own
            migrationBuilder.CreateIndex(name: "ix_scores_best", table: "scores", columns: new[] { "challenge_id", "score" }, filter: "status <> 'failed'", descending: new[] { false, true })
                .Annotation("Npgsql:CreatedConcurrently", true)
                .Annotation("Npgsql:IndexInclude", new[] { "username" });

            """,
            finding.ToString()
        );
    }

    [Fact]
    public void What_an_operation_changes_from_is_written_out_too()
    {
        var finding = MigrationLinter.Lint(Case("adding-enum-value-with-other-changes").Broken)[0];

        Assert.Contains(".Annotation(\"Npgsql:Enum:mood\", \"sad,happy,glad\")", finding.SafeForm.Code);
        Assert.Contains(".OldAnnotation(\"Npgsql:Enum:mood\", \"sad,happy\")", finding.SafeForm.Code);
    }

    [Fact]
    public void Ef_core_cuts_its_own_names_by_characters_and_not_by_bytes()
    {
        using var context = new Accented();
        var index = Assert.Single(context.Model.GetEntityTypes().Single().GetIndexes());

        Assert.Equal(63, index.GetDatabaseName()!.Length);
        Assert.False(IdentifierLength.Fits(index.GetDatabaseName()!));
        Assert.True(IdentifierLength.Fits(IdentifierLength.Fit(index.GetDatabaseName()!)));
    }

    internal static LintCase Case(string rule) => LintCase.All.Single(lintCase => lintCase.Rule == rule);

    private static LintedMigration AsWritten(SafeMigration migration) =>
        new("20261122201647_Written", migration.Operations, migration.Operations, migration.Approvals);

    private sealed class OneWay : Migration
    {
        protected override void Up(MigrationBuilder migrationBuilder) =>
            migrationBuilder.AddColumn<string>("note", "scores", "text", nullable: true);
    }

    private sealed class Refusing : Migration
    {
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateSequence("numbers");

        protected override void Down(MigrationBuilder migrationBuilder) => throw new NotSupportedException();
    }

    [Allow("ban-drop-column", "Release 1.3 stopped reading it.")]
    private sealed class Allowing()
        : UnregisteredMigration(m =>
        {
            m.DropColumn("error_message", "scores");
            m.DropTable("user_tokens");
        });

    [Allow("ban-drop-column", " ")]
    [Allow("ban-drop-column", "<what a finding leaves open>")]
    [Allow("ban-drop-colum", "Release 1.3 stopped reading it.")]
    [Allow("ban-drop-table", "Release 1.3 stopped reading it.")]
    private sealed class AllowingBadly() : UnregisteredMigration(m => m.DropColumn("error_message", "scores"));

    /// <summary>As <c>dotnet ef</c> writes it: with the model that it leads to.</summary>
    private sealed class Widening()
        : UnregisteredMigration(m =>
        {
            foreach (var column in Widened)
            {
                m.AlterColumn<string>(
                    column,
                    "scores",
                    "character varying(40)",
                    oldClrType: typeof(string),
                    oldType: "character varying(20)"
                );
            }
        })
    {
        protected override void BuildTargetModel(ModelBuilder modelBuilder) =>
            modelBuilder.Entity(
                "Score",
                scores =>
                {
                    scores.Property<string>("status");
                    scores.Property<string>("username");
                    scores.Property<string>("free");
                    scores.HasNoKey();
                    scores.ToTable(
                        "scores",
                        table => table.HasCheckConstraint("ck_scores_status", "status IN ('free', 'pending')")
                    );
                    scores.HasIndex("username").HasDatabaseName("ix_pending").HasFilter("score > 0");
                }
            );
    }

    private sealed class Accented : DbContext
    {
        protected override void OnConfiguring(DbContextOptionsBuilder optionsBuilder) => optionsBuilder.UseNpgsql();

        protected override void OnModelCreating(ModelBuilder modelBuilder)
        {
            EntityTypeBuilder entity = modelBuilder.Entity("Entity");
            entity.Property<long>("Id");
            entity.Property<long>(new string('é', 40));
            entity.HasIndex(new string('é', 40));
            entity.ToTable(new string('è', 30));
        }
    }
}
