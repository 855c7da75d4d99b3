using Exact.Api.Challenges;
using Exact.Infrastructure;
using Microsoft.Extensions.Options;

namespace Exact.Api.Legacy;

/// <summary>
/// The routes that the web client of the Django backend calls, in its words, over the services of the other routes
/// (docs/legacy-client.md).
/// </summary>
internal static class LegacyEndpoints
{
    public const string AnyOrder = "The parts may come in any order. Others are skipped.";

    /// <summary>Comes before the problem documents, whose place its errors take.</summary>
    public static IServiceCollection AddLegacy(this IServiceCollection services)
    {
        services.AddSettings<LegacyOptions>();
        return services.AddSingleton<IProblemDetailsWriter, LegacyErrors>();
    }

    public static void MapLegacy(this WebApplication app)
    {
        if (!app.Services.GetRequiredService<IOptions<LegacyOptions>>().Value.Enabled)
        {
            return;
        }

        var group = app.MapGroup("")
            .WithTags("Legacy")
            .WithMetadata(LegacyErrors.Mark)
            .WithChallengeName()
            .Validated()
            .AddOpenApiOperationTransformer(
                (operation, _, _) =>
                {
                    operation.Deprecated = true;
                    return Task.CompletedTask;
                }
            );
        group.MapLegacyAccounts();
        group.MapLegacyChallenges();
        group.MapLegacyScores();
        group.MapLegacySubmissions();
    }

    /// <summary>Requires a policy, and documents its refusals.</summary>
    public static RouteHandlerBuilder ForLegacyCallers(this RouteHandlerBuilder endpoint, string policy) =>
        endpoint
            .RequireAuthorization(policy)
            .Refuses(StatusCodes.Status401Unauthorized, StatusCodes.Status403Forbidden);

    /// <summary>Documents errors.</summary>
    public static RouteHandlerBuilder Refuses(this RouteHandlerBuilder endpoint, params ReadOnlySpan<int> codes)
    {
        foreach (var code in codes)
        {
            endpoint.Produces<LegacyError>(code);
        }

        return endpoint;
    }
}
