using Exact.Infrastructure.Migrating.Linting;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Exact.Infrastructure.Database.Migrations
{
    /// <summary>
    /// Derives the participants of both scores when a disqualification moves from one to the other, as an import can.
    /// </summary>
    [Allow(
        AllowAttribute.RawSql,
        "CREATE TRIGGER stops the writers of disqualifications for a moment; it looks at no row. EF Core cannot generate it."
    )]
    [DbContext(typeof(ExactDbContext))]
    [Migration("20261126231500_DeriveFromMovedDisqualifications")]
    public class DeriveFromMovedDisqualifications : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            // Two triggers, because the function looks at one table of changed rows.
            migrationBuilder.Sql(
                """
                CREATE TRIGGER disqualifications_moved_from AFTER UPDATE ON disqualifications
                    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION scores_changed();
                CREATE TRIGGER disqualifications_moved_to AFTER UPDATE ON disqualifications
                    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION scores_changed();
                """
            );
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(
                """
                DROP TRIGGER disqualifications_moved_from ON disqualifications;
                DROP TRIGGER disqualifications_moved_to ON disqualifications;
                """
            );
        }
    }
}
