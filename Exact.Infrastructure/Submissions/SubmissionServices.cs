using Microsoft.Extensions.DependencyInjection;

namespace Exact.Infrastructure.Submissions;

internal static class SubmissionServices
{
    /// <summary>The queue of submissions and what fills it.</summary>
    public static IServiceCollection AddSubmissionQueue(this IServiceCollection services)
    {
        services
            .AddOptions<SubmissionOptions>()
            .BindConfiguration("Submissions")
            .ValidateDataAnnotations()
            .ValidateOnStart();
        services.AddSingleton<QueueTelemetry>();
        return services.AddSingleton<SubmissionQueue>().AddSingleton<QueueWatch>().AddScoped<SubmissionIntake>();
    }
}
