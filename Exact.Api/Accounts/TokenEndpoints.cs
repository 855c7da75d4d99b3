using Exact.Api.Access;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exact.Api.Accounts;

/// <summary>Personal tokens, which programs send instead of a password.</summary>
internal static class TokenEndpoints
{
    public static void MapTokens(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapAccountGroup("/tokens");
        group.MapGet("/", ListAsync).WithSummary("List the caller's tokens").ForCallers(AccessPolicies.Session);
        group
            .MapPost("/", CreateAsync)
            .WithSummary("Make a token; the answer alone has its secret")
            .ForCallers(AccessPolicies.Session)
            .ProducesValidationProblem()
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType);
        group
            .MapDelete("/{id:long}", RevokeAsync)
            .WithSummary("Revoke a token, at once")
            .ForCallers(AccessPolicies.Session);
    }

    private static async Task<Ok<IReadOnlyList<TokenResponse>>> ListAsync(
        TokenService tokens,
        HttpContext context,
        CancellationToken cancellationToken
    ) => TypedResults.Ok(await tokens.ListAsync(context.User.AccountId()!.Value, cancellationToken));

    private static async Task<Results<Created<NewTokenResponse>, ProblemHttpResult>> CreateAsync(
        TokenRequest request,
        TokenService tokens,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var ofStaff = request.Scopes.Intersect(Scopes.OfStaff).ToList();
        if (ofStaff.Count > 0 && !context.User.IsAdmin())
        {
            return TypedResults.Problem(
                statusCode: StatusCodes.Status403Forbidden,
                title: "You may not make this token.",
                detail: $"Only members of staff may have tokens with the scope {string.Join(" or ", ofStaff)}."
            );
        }

        return await tokens.CreateAsync(context.User, request, cancellationToken) is { } token
            ? TypedResults.Created($"{context.Request.PathBase}/api/account/tokens/{token.Id}", token)
            : TypedResults.Problem(
                statusCode: StatusCodes.Status409Conflict,
                title: "You have too many tokens.",
                detail: $"At most {TokenService.MaxTokens} are allowed. Revoke one that you no longer need."
            );
    }

    private static async Task<Results<NoContent, NotFound>> RevokeAsync(
        long id,
        TokenService tokens,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await tokens.RevokeAsync(context.User, id, cancellationToken)
            ? TypedResults.NoContent()
            : TypedResults.NotFound();
}
