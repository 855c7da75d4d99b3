using Exact.Api.Access;
using Exact.Infrastructure;
using Exact.Infrastructure.Database;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace Exact.Api;

/// <summary>The problem documents for failures of the database. Only administrators read their causes.</summary>
internal static class DatabaseProblems
{
    private static readonly Dictionary<DatabaseFault, (int Status, string Title, string Advice)> Answers = new()
    {
        [DatabaseFault.Away] = (503, "The database does not answer.", "Send this request again later."),
        [DatabaseFault.Blocked] = (503, "The database is busy.", "Send this request again later."),
        [DatabaseFault.ReadOnly] = (
            503,
            "The database is read-only.",
            "Only requests that change nothing are answered."
        ),
        [DatabaseFault.Full] = (507, "The database has no room left.", "An administrator must make room."),
        [DatabaseFault.TimedOut] = (503, "The database took too long.", "Send this request again later."),
        [DatabaseFault.BadData] = (422, "The database rejects the data.", "Correct the data."),
        [DatabaseFault.Unusable] = (503, "The service cannot use its database.", "An administrator must correct this."),
    };

    /// <summary>The problem document; null if the exception is not about the database.</summary>
    public static ProblemDetails? Describe(HttpContext context, Exception exception) =>
        PostgresErrors.FaultOf(exception) is not { } fault
            ? null
            : new ProblemDetails
            {
                Status = Answers[fault].Status,
                Title = Answers[fault].Title,
                Detail = context.User.IsAdmin()
                    ? $"{CauseOf(exception)} {Answers[fault].Advice}"
                    : Answers[fault].Advice,
            };

    private static string CauseOf(Exception exception) =>
        exception.GetBaseException() is PostgresException postgres
        && PostgresErrors.FaultOf(postgres) is DatabaseFault.BadData
            ? postgres.DescribeRejection()
            : exception.Cause();
}
