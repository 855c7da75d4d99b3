using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Exact.Infrastructure.Database.Migrations
{
    /// <inheritdoc />
    [DbContext(typeof(ExactDbContext))]
    [Migration("20261126194913_RankScoresByPrimary")]
    public class RankScoresByPrimary : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateIndex(
                name: "ix_scores_ranked_score",
                table: "scores",
                columns: new[] { "challenge_id", "score", "created_at", "id" },
                descending: new[] { false, true, false, false },
                filter: "emd_score IS NULL AND status = 'completed' AND score > '-Infinity' AND score < 'Infinity'")
                .Annotation("Npgsql:CreatedConcurrently", true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_scores_ranked_score",
                table: "scores");
        }
    }
}
