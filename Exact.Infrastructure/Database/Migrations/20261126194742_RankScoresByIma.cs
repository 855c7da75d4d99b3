using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Exact.Infrastructure.Database.Migrations
{
    /// <inheritdoc />
    [DbContext(typeof(ExactDbContext))]
    [Migration("20261126194742_RankScoresByIma")]
    public class RankScoresByIma : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateIndex(
                name: "ix_scores_ranked_ima",
                table: "scores",
                columns: new[] { "challenge_id", "ima_score", "created_at", "id" },
                descending: new[] { false, true, false, false },
                filter: "status = 'completed' AND ima_score > '-Infinity' AND ima_score < 'Infinity'")
                .Annotation("Npgsql:CreatedConcurrently", true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_scores_ranked_ima",
                table: "scores");
        }
    }
}
