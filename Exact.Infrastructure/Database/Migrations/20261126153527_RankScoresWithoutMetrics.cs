using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Exact.Infrastructure.Database.Migrations
{
    /// <inheritdoc />
    [DbContext(typeof(ExactDbContext))]
    [Migration("20261126153527_RankScoresWithoutMetrics")]
    public class RankScoresWithoutMetrics : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateIndex(
                name: "ix_scores_leaderboard_score",
                table: "scores",
                columns: new[] { "challenge_id", "username", "score", "created_at", "id" },
                descending: new[] { false, false, true, false, false },
                filter: "emd_score IS NULL AND status = 'completed' AND score > '-Infinity' AND score < 'Infinity'")
                .Annotation("Npgsql:CreatedConcurrently", true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_scores_leaderboard_score",
                table: "scores");
        }
    }
}
