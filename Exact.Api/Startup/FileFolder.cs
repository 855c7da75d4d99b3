using Exact.Infrastructure.Files;

namespace Exact.Api.Startup;

/// <summary>Gives Development a folder for files if no other place is configured.</summary>
internal static class FileFolder
{
    public static void AddFileFolder(this WebApplicationBuilder builder)
    {
        if (builder.Environment.IsDevelopment())
        {
            builder.Services.PostConfigure<FileStoreOptions>(files =>
            {
                if (string.IsNullOrEmpty(files.Folder) && !files.S3.IsSet)
                {
                    files.Folder = Directory.CreateDirectory(Path.Combine(DevelopmentFolder.Path, "files")).FullName;
                }
            });
        }
    }
}
