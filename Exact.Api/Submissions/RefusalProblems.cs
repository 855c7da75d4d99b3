using System.Globalization;
using Exact.Infrastructure.Submissions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exact.Api.Submissions;

/// <summary>Says why a submission is not accepted.</summary>
internal static class RefusalProblems
{
    public static ProblemHttpResult Describe(HttpContext context, Refusal refusal)
    {
        switch (refusal)
        {
            case Refusal.NoChallenge:
                return TypedResults.Problem(statusCode: StatusCodes.Status404NotFound);
            case Refusal.NotOpenYet { OpensOn: var opens }:
                return Conflict("The challenge is not open yet.", $"It accepts submissions from {Utc(opens)} on.");
            case Refusal.Closed { ClosesOn: var closed }:
                return Conflict("The challenge is closed.", $"It accepted submissions until {Utc(closed)}.");
            case Refusal.NoneLeft { Allowance: { Left: 0 } allowance }:
                return Conflict(
                    "You have no submissions left.",
                    $"The challenge allows {allowance.TotalLimit} for each participant, and you have used them."
                );
            case Refusal.NoneLeft { Allowance: var allowance }:
                var wait = Math.Max(1, Math.Ceiling((allowance.ResetsAt - allowance.Now).TotalSeconds));
                context.Response.Headers.RetryAfter = wait.ToString(CultureInfo.InvariantCulture);
                return TypedResults.Problem(
                    statusCode: StatusCodes.Status429TooManyRequests,
                    title: "You have no submissions left today.",
                    detail: $"{allowance.Summary}. Submit again then."
                );
            case Refusal.WrongType { Accepted: var accepted }:
                return TypedResults.Problem(
                    statusCode: StatusCodes.Status415UnsupportedMediaType,
                    title: "The challenge does not accept such a file.",
                    detail: $"The name of the file must end in {string.Join(" or ", accepted)}."
                );
            case Refusal.TooLarge { MaxBytes: var most }:
                return TypedResults.Problem(
                    statusCode: StatusCodes.Status413PayloadTooLarge,
                    title: "The file is too large.",
                    detail: $"The challenge accepts at most {most} bytes. Nothing was stored. Send a smaller file."
                );
            default:
                throw new InvalidOperationException($"{refusal} has no description.");
        }
    }

    private static ProblemHttpResult Conflict(string title, string detail) =>
        TypedResults.Problem(statusCode: StatusCodes.Status409Conflict, title: title, detail: detail);

    private static string Utc(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.FFFFFF 'UTC'", CultureInfo.InvariantCulture);
}
