using System;
using Exact.Infrastructure.Migrating.Linting;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace Exact.Infrastructure.Database.Migrations
{
    /// <inheritdoc />
    [Allow("prefer-bigint-over-int", "ASP.NET Core gives its Data Protection keys an int; Exact makes one in 83 days.")]
    [DbContext(typeof(ExactDbContext))]
    [Migration("20261126194156_AddThePlatform")]
    public class AddThePlatform : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "api_tokens",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    user_id = table.Column<long>(type: "bigint", nullable: false),
                    name = table.Column<string>(type: "character varying(100)", maxLength: 100, nullable: false),
                    hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    scopes = table.Column<string[]>(type: "text[]", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    last_used_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_api_tokens", x => x.id);
                    table.ForeignKey(
                        name: "fk_api_tokens_users_user_id",
                        column: x => x.user_id,
                        principalTable: "users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "challenge_rules",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    challenge_id = table.Column<string>(type: "character varying(100)", maxLength: 100, nullable: false),
                    opens_on = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    daily_limit = table.Column<int>(type: "integer", nullable: true),
                    total_limit = table.Column<int>(type: "integer", nullable: true),
                    max_bytes = table.Column<long>(type: "bigint", nullable: true),
                    accepted_types = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false),
                    hides_scores = table.Column<bool>(type: "boolean", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_challenge_rules", x => x.id);
                    table.ForeignKey(
                        name: "fk_challenge_rules_challenges_challenge_id",
                        column: x => x.challenge_id,
                        principalTable: "challenges",
                        principalColumn: "challenge_id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "data_protection_keys",
                columns: table => new
                {
                    id = table.Column<int>(type: "integer", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    friendly_name = table.Column<string>(type: "text", nullable: true),
                    xml = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_data_protection_keys", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "disqualifications",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    score_id = table.Column<long>(type: "bigint", nullable: false),
                    reason = table.Column<string>(type: "character varying(1000)", maxLength: 1000, nullable: false),
                    created_by = table.Column<string>(type: "character varying(150)", maxLength: 150, nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_disqualifications", x => x.id);
                    table.ForeignKey(
                        name: "fk_disqualifications_scores_score_id",
                        column: x => x.score_id,
                        principalTable: "scores",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "failed_sign_ins",
                columns: table => new
                {
                    key = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    count = table.Column<int>(type: "integer", nullable: false),
                    since = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_failed_sign_ins", x => x.key);
                });

            migrationBuilder.CreateTable(
                name: "participants",
                columns: table => new
                {
                    challenge_id = table.Column<string>(type: "character varying(100)", maxLength: 100, nullable: false),
                    username = table.Column<string>(type: "character varying(150)", maxLength: 150, nullable: false),
                    ranked_emd = table.Column<int>(type: "integer", nullable: false),
                    ranked_ima = table.Column<int>(type: "integer", nullable: false),
                    scores = table.Column<int>(type: "integer", nullable: false),
                    best_emd = table.Column<double>(type: "double precision", nullable: true),
                    best_emd_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    best_emd_id = table.Column<long>(type: "bigint", nullable: true),
                    best_ima = table.Column<double>(type: "double precision", nullable: true),
                    best_ima_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    best_ima_id = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_participants", x => new { x.challenge_id, x.username });
                    table.ForeignKey(
                        name: "fk_participants_challenges_challenge_id",
                        column: x => x.challenge_id,
                        principalTable: "challenges",
                        principalColumn: "challenge_id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "standings",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    challenge_id = table.Column<string>(type: "character varying(100)", maxLength: 100, nullable: false),
                    participants = table.Column<int>(type: "integer", nullable: false),
                    ranked_emd = table.Column<int>(type: "integer", nullable: false),
                    ranked_ima = table.Column<int>(type: "integer", nullable: false),
                    ranked_emd_scores = table.Column<long>(type: "bigint", nullable: false),
                    ranked_ima_scores = table.Column<long>(type: "bigint", nullable: false),
                    scores = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_standings", x => x.id);
                    table.ForeignKey(
                        name: "fk_standings_challenges_challenge_id",
                        column: x => x.challenge_id,
                        principalTable: "challenges",
                        principalColumn: "challenge_id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "stored_files",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    key = table.Column<string>(type: "character varying(100)", maxLength: 100, nullable: false),
                    original_name = table.Column<string>(type: "character varying(255)", maxLength: 255, nullable: false),
                    content_type = table.Column<string>(type: "character varying(255)", maxLength: 255, nullable: false),
                    size = table.Column<long>(type: "bigint", nullable: false),
                    sha256 = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    created_by = table.Column<string>(type: "character varying(150)", maxLength: 150, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_stored_files", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "submissions",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    score_id = table.Column<long>(type: "bigint", nullable: false),
                    file = table.Column<string>(type: "character varying(100)", maxLength: 100, nullable: false),
                    size = table.Column<long>(type: "bigint", nullable: false),
                    sha256 = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    original_name = table.Column<string>(type: "character varying(255)", maxLength: 255, nullable: false),
                    attempts = table.Column<int>(type: "integer", nullable: false),
                    counts = table.Column<bool>(type: "boolean", nullable: false),
                    queued_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    started_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    finished_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    log = table.Column<string>(type: "text", nullable: true),
                    lease = table.Column<Guid>(type: "uuid", nullable: true),
                    lease_until = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    worker = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_submissions", x => x.id);
                    table.ForeignKey(
                        name: "fk_submissions_scores_score_id",
                        column: x => x.score_id,
                        principalTable: "scores",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "ix_api_tokens_hash",
                table: "api_tokens",
                column: "hash",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_api_tokens_user_id",
                table: "api_tokens",
                column: "user_id");

            migrationBuilder.CreateIndex(
                name: "ix_challenge_rules_challenge_id",
                table: "challenge_rules",
                column: "challenge_id",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_disqualifications_score_id",
                table: "disqualifications",
                column: "score_id",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_failed_sign_ins_since",
                table: "failed_sign_ins",
                column: "since");

            migrationBuilder.CreateIndex(
                name: "ix_participants_emd",
                table: "participants",
                columns: new[] { "challenge_id", "best_emd", "best_emd_at", "best_emd_id" },
                descending: new[] { false, true, false, false },
                filter: "best_emd IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_participants_ima",
                table: "participants",
                columns: new[] { "challenge_id", "best_ima", "best_ima_at", "best_ima_id" },
                descending: new[] { false, true, false, false },
                filter: "best_ima IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_standings_challenge_id",
                table: "standings",
                column: "challenge_id");

            migrationBuilder.CreateIndex(
                name: "ix_stored_files_key",
                table: "stored_files",
                column: "key",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_submissions_file",
                table: "submissions",
                column: "file");

            migrationBuilder.CreateIndex(
                name: "ix_submissions_lease_until",
                table: "submissions",
                column: "lease_until",
                filter: "lease IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_submissions_score_id",
                table: "submissions",
                column: "score_id",
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "api_tokens");

            migrationBuilder.DropTable(
                name: "challenge_rules");

            migrationBuilder.DropTable(
                name: "data_protection_keys");

            migrationBuilder.DropTable(
                name: "disqualifications");

            migrationBuilder.DropTable(
                name: "failed_sign_ins");

            migrationBuilder.DropTable(
                name: "participants");

            migrationBuilder.DropTable(
                name: "standings");

            migrationBuilder.DropTable(
                name: "stored_files");

            migrationBuilder.DropTable(
                name: "submissions");
        }
    }
}
