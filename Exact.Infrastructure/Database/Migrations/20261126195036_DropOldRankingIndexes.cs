using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Exact.Infrastructure.Database.Migrations
{
    /// <inheritdoc />
    public partial class DropOldRankingIndexes : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_scores_leaderboard_emd",
                table: "scores");

            migrationBuilder.DropIndex(
                name: "ix_scores_leaderboard_ima",
                table: "scores");

            migrationBuilder.DropIndex(
                name: "ix_scores_leaderboard_score",
                table: "scores");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateIndex(
                name: "ix_scores_leaderboard_emd",
                table: "scores",
                columns: new[] { "challenge_id", "username", "emd_score", "created_at", "id" },
                descending: new[] { false, false, true, false, false },
                filter: "status = 'completed' AND emd_score > '-Infinity' AND emd_score < 'Infinity'");

            migrationBuilder.CreateIndex(
                name: "ix_scores_leaderboard_ima",
                table: "scores",
                columns: new[] { "challenge_id", "username", "ima_score", "created_at", "id" },
                descending: new[] { false, false, true, false, false },
                filter: "status = 'completed' AND ima_score > '-Infinity' AND ima_score < 'Infinity'");

            migrationBuilder.CreateIndex(
                name: "ix_scores_leaderboard_score",
                table: "scores",
                columns: new[] { "challenge_id", "username", "score", "created_at", "id" },
                descending: new[] { false, false, true, false, false },
                filter: "emd_score IS NULL AND status = 'completed' AND score > '-Infinity' AND score < 'Infinity'");
        }
    }
}
