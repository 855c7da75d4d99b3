using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Exact.Infrastructure.Database.Migrations
{
    /// <inheritdoc />
    [DbContext(typeof(ExactDbContext))]
    [Migration("20261126194505_IndexTheQueue")]
    public class IndexTheQueue : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateIndex(
                name: "ix_scores_queue",
                table: "scores",
                columns: new[] { "challenge_id", "id" },
                filter: "status = 'pending' OR status = 'running'")
                .Annotation("Npgsql:CreatedConcurrently", true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_scores_queue",
                table: "scores");
        }
    }
}
