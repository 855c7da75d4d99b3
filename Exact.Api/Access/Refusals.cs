using System.Runtime.ExceptionServices;
using Microsoft.AspNetCore.Authorization;

namespace Exact.Api.Access;

/// <summary>The problem documents for callers that are not known, or that may not do what they ask for.</summary>
internal static class Refusals
{
    private static readonly object Fault = new();

    /// <summary>Keeps a failure of the database, which is told only if the endpoint needs to know the caller.</summary>
    public static void KeepFault(this HttpContext context, Exception fault) => context.Items[Fault] = fault;

    /// <summary>Throws that failure, if there is one.</summary>
    public static void ThrowFault(this HttpContext context)
    {
        if (context.Items[Fault] is Exception fault)
        {
            ExceptionDispatchInfo.Throw(fault);
        }
    }

    /// <summary>401, or the failure that kept the service from recognizing the caller.</summary>
    public static Task UnauthorizedAsync(HttpContext context, string? detail = null)
    {
        context.ThrowFault();
        context.Response.Headers.WWWAuthenticate = AdminKeyHandler.Scheme;
        return TypedResults
            .Problem(
                statusCode: StatusCodes.Status401Unauthorized,
                title: IsForAdministrators(context)
                    ? "This request needs an administrator."
                    : "This request needs an account.",
                detail: detail
                    ?? (
                        IsForAdministrators(context)
                            ? "Send the admin key as \"Authorization: Bearer KEY\", or sign in as a member of staff."
                            : "Sign in, or send a personal token as \"Authorization: Bearer TOKEN\"."
                    )
            )
            .ExecuteAsync(context);
    }

    /// <summary>403, with what the caller lacks.</summary>
    public static Task ForbiddenAsync(HttpContext context) =>
        TypedResults
            .Problem(
                statusCode: StatusCodes.Status403Forbidden,
                title: "You may not do this.",
                detail: PolicyOf(context) switch
                {
                    { } met when context.User.Meets(met) =>
                        "It belongs to somebody else. Only the one who submitted it, the organiser of its challenge "
                            + "and members of staff may see it, and only the latter two may change it.",
                    AccessPolicies.Session =>
                        "Sign in with your password: neither a token nor the admin key can do this.",
                    AccessPolicies.Person => "The admin key has no account. Sign in, or send a personal token.",
                    AccessPolicies.Organiser or Scopes.Submit => "Sign in, or send a token with the scope \"submit\".",
                    Scopes.Read => "Sign in, or send a token with the scope \"read\".",
                    Scopes.Admin or null =>
                        "It needs the admin key, a member of staff, or a token of theirs with the scope "
                            + "\"admin\".",
                    var scope => "It needs the admin key, a member of staff, or a token of theirs with the scope "
                        + $"\"{scope}\".",
                }
            )
            .ExecuteAsync(context);

    private static string? PolicyOf(HttpContext context) =>
        context.GetEndpoint()?.Metadata.GetMetadata<IAuthorizeData>()?.Policy;

    private static bool IsForAdministrators(HttpContext context) =>
        PolicyOf(context) is { } policy && Scopes.OfStaff.Contains(policy);
}
