using System.Buffers;
using System.Net;
using System.Runtime.CompilerServices;
using Amazon;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace Exact.Infrastructure.Files;

/// <summary>Keeps files in an S3 bucket. An upload of several parts is visible only when it is completed.</summary>
/// <param name="options">The bucket and the account.</param>
/// <param name="setting">The setting that names it, for messages.</param>
internal sealed class BucketStore(BucketOptions options, string setting = "Files:S3") : IFileStore, IDisposable
{
    private readonly string setting = setting;
    private readonly AmazonS3Client client = CreateClient(options);

    public async Task<IStagedFile> StageAsync(string key, Stream content, CancellationToken cancellationToken)
    {
        var upload = await TryAsync(() =>
            client.InitiateMultipartUploadAsync(
                new() { BucketName = options.Bucket, Key = NameOf(key) },
                cancellationToken
            )
        );
        var staged = new StagedFile(this, upload);
        var buffer = ArrayPool<byte>.Shared.Rent(options.PartBytes);
        try
        {
            int read;
            do
            {
                var part = buffer.AsMemory(0, options.PartBytes);
                read = await content.ReadAtLeastAsync(part, part.Length, throwOnEndOfStream: false, cancellationToken);
                if (read > 0 || staged.IsEmpty) // an empty file has one empty part
                {
                    await staged.SendAsync(new MemoryStream(buffer, 0, read), cancellationToken);
                }
            } while (read == options.PartBytes);

            return staged;
        }
        catch
        {
            await staged.DisposeAsync();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public async Task<long?> FindSizeAsync(string key, CancellationToken cancellationToken)
    {
        try
        {
            return FileKey.IsSafe(key)
                ? (
                    await TryAsync(() => client.GetObjectMetadataAsync(options.Bucket, NameOf(key), cancellationToken))
                ).ContentLength
                : null;
        }
        catch (FileMissingException)
        {
            return null;
        }
    }

    public async Task<Stream> OpenAsync(string key, long offset, CancellationToken cancellationToken)
    {
        if (!FileKey.IsSafe(key))
        {
            throw new FileMissingException(key);
        }

        var request = new GetObjectRequest { BucketName = options.Bucket, Key = NameOf(key) };
        if (offset > 0)
        {
            request.ByteRange = new ByteRange($"bytes={offset}-");
        }

        return (await TryAsync(() => client.GetObjectAsync(request, cancellationToken), key)).ResponseStream;
    }

    public Task DeleteAsync(string key, CancellationToken cancellationToken) =>
        FileKey.IsSafe(key)
            ? TryAsync(() => client.DeleteObjectAsync(options.Bucket, NameOf(key), cancellationToken))
            : Task.CompletedTask;

    public async IAsyncEnumerable<(string Key, long Size)> ListAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        var request = new ListObjectsV2Request { BucketName = options.Bucket, Prefix = options.Prefix };
        do
        {
            var page = await TryAsync(() => client.ListObjectsV2Async(request, cancellationToken));
            foreach (var found in page.S3Objects ?? [])
            {
                yield return (found.Key[options.Prefix.Length..], found.Size ?? 0);
            }

            request.ContinuationToken = page.NextContinuationToken;
        } while (request.ContinuationToken is not null);
    }

    /// <summary>A rule of the bucket must delete them: nothing tells which of them are still being received.</summary>
    public int DeleteUnfinished() => 0;

    public void Dispose() => client.Dispose();

    private static AmazonS3Client CreateClient(BucketOptions options)
    {
        var config = new AmazonS3Config
        {
            ForcePathStyle = options.PathStyle,
            // Other providers do not know the checksums that the SDK adds by default. We have the SHA-256.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
        };
        if (string.IsNullOrEmpty(options.ServiceUrl))
        {
            config.RegionEndpoint = RegionEndpoint.GetBySystemName(options.Region);
        }
        else
        {
            config.ServiceURL = options.ServiceUrl;
            config.AuthenticationRegion = string.IsNullOrEmpty(options.Region) ? "us-east-1" : options.Region;
        }

        return string.IsNullOrEmpty(options.AccessKey)
            ? new AmazonS3Client(config)
            : new AmazonS3Client(new BasicAWSCredentials(options.AccessKey, options.SecretKey), config);
    }

    private string NameOf(string key) => options.Prefix + key;

    private async Task<T> TryAsync<T>(Func<Task<T>> work, string key = "")
    {
        try
        {
            return await work();
        }
        catch (AmazonS3Exception e) when (e is { StatusCode: HttpStatusCode.NotFound, ErrorCode: not "NoSuchBucket" })
        {
            throw new FileMissingException(key);
        }
        catch (Exception e) when (e is AmazonServiceException or AmazonClientException or HttpRequestException)
        {
            throw FileStoreException.Failed($"The bucket {setting} cannot be used", e);
        }
    }

    private sealed class StagedFile(BucketStore store, InitiateMultipartUploadResponse upload) : IStagedFile
    {
        private readonly List<PartETag> parts = [];
        private bool isPublished;

        public bool IsEmpty => parts.Count == 0;

        public async Task SendAsync(Stream part, CancellationToken cancellationToken)
        {
            var request = new UploadPartRequest
            {
                BucketName = upload.BucketName,
                Key = upload.Key,
                UploadId = upload.UploadId,
                PartNumber = parts.Count + 1,
                InputStream = part,
                PartSize = part.Length,
                UseChunkEncoding = false,
            };
            parts.Add(new(await store.TryAsync(() => store.client.UploadPartAsync(request, cancellationToken))));
        }

        public async Task PublishAsync(CancellationToken cancellationToken)
        {
            var request = new CompleteMultipartUploadRequest
            {
                BucketName = upload.BucketName,
                Key = upload.Key,
                UploadId = upload.UploadId,
                PartETags = parts,
            };
            await store.TryAsync(() => store.client.CompleteMultipartUploadAsync(request, cancellationToken));
            isPublished = true;
        }

        public async ValueTask DisposeAsync()
        {
            if (isPublished)
            {
                return;
            }

            try
            {
                await store.client.AbortMultipartUploadAsync(upload.BucketName, upload.Key, upload.UploadId);
            }
            catch (Exception e) when (e is AmazonServiceException or AmazonClientException or HttpRequestException)
            {
                // the bucket's rule for incomplete uploads deletes it
            }
        }
    }
}
