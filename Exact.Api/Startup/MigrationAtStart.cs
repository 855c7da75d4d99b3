namespace Exact.Api.Startup;

internal static class MigrationAtStart
{
    public static void AddMigrationAtStart(this WebApplicationBuilder builder)
    {
        builder.Services.AddHostedService<MigrateInBackground>();
        builder.Services.AddHostedService<KeyRotation>();
        builder.Services.AddHostedService<WarnAfterStart>();
        builder.Services.AddHostedService<Welcome>();
    }
}
