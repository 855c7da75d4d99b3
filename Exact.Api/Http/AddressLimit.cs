using System.Globalization;
using System.Threading.RateLimiting;
using Exact.Api.Access;
using Exact.Infrastructure;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;

namespace Exact.Api.Http;

/// <summary>
/// Serves a few requests of each address at a time, so that no client takes all database connections.
/// </summary>
internal static class AddressLimit
{
    /// <summary>How many requests wait for each one that is served, before the next is refused.</summary>
    private const int Waiting = 10;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);

    public static void AddAddressLimit(this IServiceCollection services)
    {
        services.AddSettings<RequestOptions>();
        services.AddRateLimiter(_ => { });
        services
            .AddOptions<RateLimiterOptions>()
            .Configure<IOptions<RequestOptions>>(
                (limits, requests) =>
                {
                    limits.GlobalLimiter = Create(requests.Value.PerAddress);
                    limits.OnRejected = (rejected, _) => RefuseAsync(rejected.HttpContext);
                }
            );
    }

    /// <summary>
    /// Marks endpoints that take as long as the client's line does. They are counted apart, so that short requests of
    /// the same address do not wait for them.
    /// </summary>
    public static T TakesLong<T>(this T endpoints)
        where T : IEndpointConventionBuilder => endpoints.WithMetadata(Long.Mark);

    private static PartitionedRateLimiter<HttpContext> Create(int perAddress) =>
        PartitionedRateLimiter.Create<HttpContext, (int Address, bool IsLong)>(context =>
            context.Request.Path.StartsWithSegments("/health")
                ? RateLimitPartition.GetNoLimiter((-1, false))
                : RateLimitPartition.GetConcurrencyLimiter(
                    (
                        WrongKeys.PartitionOf(context.Connection.RemoteIpAddress),
                        context.GetEndpoint()?.Metadata.GetMetadata<Long>() is not null
                    ),
                    _ => new() { PermitLimit = perAddress, QueueLimit = perAddress * Waiting }
                )
        );

    private static async ValueTask RefuseAsync(HttpContext context)
    {
        context.Response.Headers.RetryAfter = RetryAfter.TotalSeconds.ToString(CultureInfo.InvariantCulture);
        await TypedResults
            .Problem(
                statusCode: StatusCodes.Status429TooManyRequests,
                title: "This address sends too many requests at the same time.",
                detail: "Send fewer at a time. Behind a proxy, Exact must know it: set ForwardedHeaders:KnownProxies."
            )
            .ExecuteAsync(context);
    }

    private sealed class Long
    {
        public static readonly Long Mark = new();
    }
}
