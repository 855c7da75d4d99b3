using Exact.Infrastructure.Migrating.Linting;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Exact.Infrastructure.Database.Migrations
{
    /// <inheritdoc />
    [Allow("raw-sql", "CONCURRENTLY waits for readers without blocking others; EF Core cannot generate it.")]
    [DbContext(typeof(ExactDbContext))]
    [Migration("20261126195037_DropOldRankByIma")]
    public class DropOldRankByIma : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql("DROP INDEX CONCURRENTLY IF EXISTS ix_scores_leaderboard_ima;", suppressTransaction: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateIndex(
                name: "ix_scores_leaderboard_ima",
                table: "scores",
                columns: new[] { "challenge_id", "username", "ima_score", "created_at", "id" },
                descending: new[] { false, false, true, false, false },
                filter: "status = 'completed' AND ima_score > '-Infinity' AND ima_score < 'Infinity'");
        }
    }
}
