using Exact.Infrastructure.Migrating.Linting;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Exact.Infrastructure.Database.Migrations
{
    /// <inheritdoc />
    [Allow("raw-sql", "CONCURRENTLY waits for readers without blocking others; EF Core cannot generate it.")]
    [DbContext(typeof(ExactDbContext))]
    [Migration("20261126195038_DropOldRankByPrimary")]
    public class DropOldRankByPrimary : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql("DROP INDEX CONCURRENTLY IF EXISTS ix_scores_leaderboard_score;", suppressTransaction: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateIndex(
                name: "ix_scores_leaderboard_score",
                table: "scores",
                columns: new[] { "challenge_id", "username", "score", "created_at", "id" },
                descending: new[] { false, false, true, false, false },
                filter: "emd_score IS NULL AND status = 'completed' AND score > '-Infinity' AND score < 'Infinity'");
        }
    }
}
