using Microsoft.Extensions.DependencyInjection;

namespace Exact.Infrastructure.Backups;

internal static class BackupServices
{
    public static void AddBackups(this IServiceCollection services)
    {
        services.AddSettings<BackupOptions>();
        services.AddSingleton<BackupVerifier>();
        services.AddSingleton<BackupWriter>();
        services.AddSingleton<BackupService>();
        services.AddSingleton<BackupHistory>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<BackupAlarm>(provider, new HttpClient()));
        services.AddSingleton<BackupSchedule>();
        services.AddSingleton<BackupBeforeMigrating>();
    }
}
