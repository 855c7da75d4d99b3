using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Exact.Infrastructure.Database.Migrations
{
    /// <inheritdoc />
    [DbContext(typeof(ExactDbContext))]
    [Migration("20261126194321_IndexScoresByParticipant")]
    public class IndexScoresByParticipant : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateIndex(
                name: "ix_scores_challenge_id_username",
                table: "scores",
                columns: new[] { "challenge_id", "username" })
                .Annotation("Npgsql:CreatedConcurrently", true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_scores_challenge_id_username",
                table: "scores");
        }
    }
}
