using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Exact.Infrastructure.Files;

internal static class FileServices
{
    public static void AddFiles(this IServiceCollection services)
    {
        services.AddSettings<FileStoreOptions>();
        services.AddSingleton(provider => Create(provider.GetRequiredService<IOptions<FileStoreOptions>>().Value));
        services.AddScoped<FileUpload>();
        services.AddScoped<FileCheck>();
    }

    private static IFileStore Create(FileStoreOptions options) =>
        options.S3.IsSet ? new BucketStore(options.S3)
        : options.Folder is { Length: > 0 } folder ? new FolderStore(folder)
        : new UnconfiguredStore();
}
