using Exact.Infrastructure.Migrating.Linting;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

namespace Exact.Tests.Migrating;

/// <summary>
/// A migration of the tests alone: it has no id, so EF Core does not take it for one of the product's.
/// </summary>
internal class UnregisteredMigration(Action<MigrationBuilder> up) : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => up(migrationBuilder);

    protected override void Down(MigrationBuilder migrationBuilder) => migrationBuilder.EnsureSchema("public");
}

/// <summary>
/// For one rule, a migration of Exact's own tables that breaks it, and the counterpart that does not.
/// </summary>
/// <param name="Rule">The rule's code.</param>
/// <param name="Breaks">What breaks it.</param>
/// <param name="Keeps">What does not.</param>
/// <param name="Proof">
/// What PostgreSQL says, at debug level, when it does what the rule claims; null: no claim of that kind.
/// </param>
/// <param name="SameEnd">
/// Whether the safe form leaves the very catalog that the unsafe migration would have left.
/// </param>
internal sealed record LintCase(
    string Rule,
    Action<MigrationBuilder> Breaks,
    Action<MigrationBuilder> Keeps,
    string? Proof = null,
    bool SameEnd = false
)
{
    private const string Identity = "Npgsql:ValueGenerationStrategy";
    private const string Concurrently = "Npgsql:CreatedConcurrently";

    public static readonly LintCase[] All =
    [
        new(
            "require-concurrent-index-creation",
            m => m.CreateIndex("ix_scores_method_name", "scores", "method_name", filter: "method_name <> ''"),
            m => m.CreateIndex("ix_scores_method_name", "scores", "method_name").Annotation(Concurrently, true),
            Proof: "building index",
            SameEnd: true
        ),
        new(
            "require-concurrent-index-deletion",
            m => m.DropIndex("ix_users_normalized_email", "users"),
            m => m.Sql("DROP INDEX CONCURRENTLY ix_users_normalized_email", suppressTransaction: true),
            SameEnd: true
        ),
        new(
            "ban-concurrent-index-creation-in-transaction",
            m =>
            {
                m.CreateIndex("ix_scores_status", "scores", "status").Annotation(Concurrently, true);
                m.AddColumn<string>("note", "scores", "text", nullable: true);
            },
            m => m.CreateIndex("ix_scores_status", "scores", "status").Annotation(Concurrently, true),
            SameEnd: true
        ),
        new(
            "wide-index",
            m =>
                m.CreateIndex("ix_wide", "scores", ["status", "username", "method_name", "created_at"])
                    .Annotation(Concurrently, true),
            m =>
                m.CreateIndex("ix_wide", "scores", ["status", "username", "method_name"]).Annotation(Concurrently, true)
        ),
        new(
            "adding-foreign-key-constraint",
            m =>
                m.AddForeignKey(
                    "fk_operations_roles",
                    "operations",
                    "id",
                    "roles",
                    principalColumn: "id",
                    onUpdate: ReferentialAction.Restrict,
                    onDelete: ReferentialAction.Cascade
                ),
            m => m.Sql("ALTER TABLE operations ADD FOREIGN KEY (id) REFERENCES roles (id) NOT VALID"),
            Proof: "validating foreign key constraint",
            SameEnd: true
        ),
        new(
            "constraint-missing-not-valid",
            m => m.AddCheckConstraint("ck_scores_username", "scores", "username <> ''"),
            m => m.Sql("ALTER TABLE scores ADD CONSTRAINT ck CHECK (username <> '') NOT VALID"),
            Proof: "verifying table",
            SameEnd: true
        ),
        new(
            "disallowed-unique-constraint",
            m => m.AddUniqueConstraint("ak_scores_username_id", "scores", ["username", "id"]),
            m => m.CreateIndex("ix", "scores", ["username", "id"], unique: true).Annotation(Concurrently, true),
            Proof: "building index",
            SameEnd: true
        ),
        new(
            "adding-primary-key-constraint",
            m => m.AddPrimaryKey("pk_keyless", "keyless", "id"),
            m => m.CreateIndex("pk_keyless", "keyless", "id", unique: true).Annotation(Concurrently, true),
            Proof: "building index",
            SameEnd: true
        ),
        new(
            "adding-not-nullable-field",
            m =>
                m.AlterColumn<string>(
                    "method_name",
                    "scores",
                    "character varying(100)",
                    maxLength: 100,
                    nullable: false,
                    defaultValue: "none",
                    oldClrType: typeof(string),
                    oldType: "character varying(100)",
                    oldNullable: true
                ),
            m =>
                m.AlterColumn<string>(
                    "username",
                    "scores",
                    "character varying(150)",
                    nullable: true,
                    oldClrType: typeof(string),
                    oldType: "character varying(150)"
                ),
            Proof: "verifying table",
            SameEnd: true
        ),
        new(
            "adding-required-field",
            m => m.AddColumn<string>("note", "scores", "text"),
            m => m.AddColumn<string>("note", "scores", "text", defaultValue: "")
        ),
        new(
            "adding-field-with-default",
            m => m.AddColumn<Guid>("token", "scores", "uuid", nullable: false, defaultValueSql: "gen_random_uuid()"),
            m => m.AddColumn<DateTimeOffset>("seen_at", "scores", "timestamp with time zone", defaultValueSql: "now()"),
            Proof: "rewriting table",
            SameEnd: true
        ),
        new(
            "adding-generated-column",
            m =>
                m.AddColumn<string>(
                    "shout",
                    "scores",
                    "text",
                    nullable: true,
                    computedColumnSql: "upper(username)",
                    stored: true
                ),
            m =>
                m.AddColumn<string>(
                    "shout",
                    "scores",
                    "text",
                    nullable: true,
                    computedColumnSql: "upper(username)",
                    stored: false
                ),
            Proof: "rewriting table"
        ),
        new(
            "adding-identity-column",
            m =>
                m.AddColumn<long>("number", "scores", "bigint")
                    .Annotation(Identity, NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
            m => m.AddColumn<long>("number", "scores", "bigint", nullable: true),
            Proof: "rewriting table",
            SameEnd: true
        ),
        new(
            "changing-column-type",
            m =>
                m.AlterColumn<long>(
                    "access_failed_count",
                    "users",
                    "bigint",
                    oldClrType: typeof(int),
                    oldType: "integer"
                ),
            m =>
                m.AlterColumn<string>(
                    "method_name",
                    "scores",
                    "character varying(200)",
                    nullable: true,
                    oldClrType: typeof(string),
                    oldType: "character varying(100)",
                    oldNullable: true
                ),
            Proof: "rewriting table"
        ),
        new(
            "prefer-jsonb",
            m => m.AddColumn<string>("facts", "scores", "json", nullable: true),
            m => m.AddColumn<string>("facts", "scores", "jsonb", nullable: true)
        ),
        new(
            "ban-char-field",
            m => m.CreateTable("t", table => new { code = table.Column<string>("character(2)") }),
            m => m.CreateTable("t", table => new { code = table.Column<string>("character varying(2)") })
        ),
        new(
            "prefer-timestamptz",
            m => m.AddColumn<DateTime>("at", "scores", "timestamp(3) without time zone", nullable: true),
            m => m.AddColumn<DateTime>("at", "scores", "timestamp(3) with time zone", nullable: true)
        ),
        new(
            "prefer-bigint-over-int",
            m =>
                m.CreateTable(
                    "t",
                    table => new { id = table.Column<int>("integer") },
                    constraints: table => table.PrimaryKey("pk_t", t => t.id)
                ),
            m =>
                m.CreateTable(
                    "t",
                    table => new { id = table.Column<long>("bigint") },
                    constraints: table => table.PrimaryKey("pk_t", t => t.id)
                )
        ),
        new(
            "ban-drop-column",
            m => m.DropColumn("error_message", "scores"),
            m => m.AddColumn<string>("error_code", "scores", "text", nullable: true),
            SameEnd: true
        ),
        new(
            "ban-drop-table",
            m => m.DropTable("user_tokens"),
            m => m.CreateTable("t", table => new { id = table.Column<long>("bigint") }),
            SameEnd: true
        ),
        new(
            "renaming-column",
            m => m.RenameColumn("username", "scores", "user_name"),
            m => m.RenameIndex("a", "b", "scores")
        ),
        new("renaming-table", m => m.RenameTable("scores", newName: "results"), m => m.RenameIndex("a", "b", "scores")),
        new("renaming-sequence", m => m.RenameSequence("numbers", newName: "counts"), m => m.CreateSequence("counts")),
        new(
            "renaming-enum-value",
            m => m.AlterDatabase().Annotation("Npgsql:Enum:mood", "glad").OldAnnotation("Npgsql:Enum:mood", "happy"),
            m =>
                m.AlterDatabase()
                    .Annotation("Npgsql:Enum:mood", "happy,glad")
                    .OldAnnotation("Npgsql:Enum:mood", "happy")
        ),
        new(
            "require-enum-value-ordering",
            m => m.Sql("ALTER TYPE mood ADD VALUE 'glad'"),
            m => m.Sql("ALTER TYPE mood ADD VALUE 'glad' AFTER 'happy'")
        ),
        new(
            "adding-enum-value-with-other-changes",
            m =>
            {
                m.AlterDatabase()
                    .Annotation("Npgsql:Enum:mood", "sad,happy,glad")
                    .OldAnnotation("Npgsql:Enum:mood", "sad,happy");
                m.AddColumn<string>("mood", "scores", "mood", defaultValueSql: "'glad'::mood");
            },
            m =>
                m.AlterDatabase()
                    .Annotation("Npgsql:Enum:mood", "sad,happy,glad")
                    .OldAnnotation("Npgsql:Enum:mood", "sad,happy")
        ),
        new("raw-sql", m => m.Sql("VACUUM", suppressTransaction: true), m => m.CreateSequence("counts")),
        new(
            "adding-exclusion-constraint",
            m => m.Sql("ALTER TABLE scores ADD EXCLUDE USING gist (username WITH =)"),
            m => m.Sql("INSERT INTO notes VALUES ('we EXCLUDE (nobody)')")
        ),
        new(
            "ban-truncate-cascade",
            m => m.Sql("TRUNCATE challenges CASCADE"),
            m => m.Sql("TRUNCATE challenges, scores")
        ),
        new("ban-drop-database", m => m.Sql("DROP DATABASE exact"), m => m.Sql("/* DROP DATABASE */ SELECT 1")),
        new(
            "unbatched-backfill",
            m => m.Sql("UPDATE scores SET method_name = 'none; or null' WHERE method_name IS NULL;"),
            m => m.Sql("DO $$ BEGIN UPDATE scores SET method_name = ''; COMMIT; END $$", suppressTransaction: true)
        ),
        new(
            "backfill-with-schema-change",
            m =>
            {
                m.AddColumn<string>("note", "scores", "text", nullable: true);
                m.Sql("UPDATE scores SET note = username");
            },
            m =>
            {
                m.CreateTable("notes", table => new { note = table.Column<string>("text") });
                m.AddColumn<string>("note", "scores", "text", nullable: true);
                m.Sql("INSERT INTO notes SELECT username FROM scores");
            },
            SameEnd: true
        ),
        new(
            "nondeterministic-data",
            m => m.InsertData("companies", ["created_at"], [Moment.AddTicks(1234567)]),
            m => m.InsertData("companies", ["created_at"], [Moment])
        ),
        new(
            "identifier-too-long",
            m => m.AddColumn<string>(new string('é', 32), "scores", "text", nullable: true),
            m => m.AddColumn<string>(new string('e', 63), "scores", "text", nullable: true)
        ),
    ];

    /// <summary>When the migrations of the cases say that they were written.</summary>
    public static readonly DateTimeOffset Moment = new(2026, 11, 22, 20, 16, 47, TimeSpan.Zero);

    /// <summary>What the tables of the cases need besides Exact's own.</summary>
    public const string Setting = """
        CREATE TYPE mood AS ENUM ('sad', 'happy');
        CREATE TABLE moods (mood mood);
        CREATE TABLE keyless (id bigint NOT NULL);
        INSERT INTO keyless VALUES (1);
        INSERT INTO challenges (challenge_id, title, description, created_at, created_by) VALUES ('c', 'c', '', now(), 'c');
        INSERT INTO scores (username, challenge_id, created_at, status)
            SELECT 'u' || i, 'c', now(), 'pending' FROM generate_series(1, 300) i;
        INSERT INTO users (first_name, last_name, is_staff, is_superuser, is_active, date_joined, username, normalized_username,
            email_confirmed, phone_number_confirmed, two_factor_enabled, lockout_enabled, access_failed_count)
            VALUES ('', '', false, false, true, now(), 'u', 'U', false, false, false, false, 3);
        """;

    public LintedMigration Broken => Read(Breaks);

    public LintedMigration Kept => Read(Keeps);

    private static LintedMigration Read(Action<MigrationBuilder> up) =>
        LintedMigration.Read(new UnregisteredMigration(up)) with
        {
            Id = $"{Moment:yyyyMMddHHmmss}_Case",
        };

    public override string ToString() => Rule;
}
