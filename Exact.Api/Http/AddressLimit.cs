using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Threading.RateLimiting;
using Exact.Api.Access;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;

namespace Exact.Api.Http;

/// <summary>The settings of requests: the section <c>Requests</c> of the configuration.</summary>
internal sealed class RequestOptions
{
    /// <summary>How many requests of one address are served at a time. Its next ones wait.</summary>
    [Range(1, 10_000)]
    public int PerAddress { get; set; } = 20;
}

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
        services.AddOptions<RequestOptions>().BindConfiguration("Requests").ValidateDataAnnotations().ValidateOnStart();
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

    private static PartitionedRateLimiter<HttpContext> Create(int perAddress) =>
        PartitionedRateLimiter.Create<HttpContext, int>(context =>
            context.Request.Path.StartsWithSegments("/health")
                ? RateLimitPartition.GetNoLimiter(-1)
                : RateLimitPartition.GetConcurrencyLimiter(
                    WrongKeys.PartitionOf(context.Connection.RemoteIpAddress),
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
}
