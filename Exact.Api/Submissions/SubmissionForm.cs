using System.Text;
using Exact.Api.Accounts;
using Exact.Infrastructure.Transfer.Reading;
using FluentValidation;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Exact.Api.Submissions;

/// <summary>The fields of a submission that come before its file.</summary>
internal sealed record SubmissionFields(string MethodName, string FileName);

internal sealed class SubmissionFieldsValidator : AbstractValidator<SubmissionFields>
{
    public SubmissionFieldsValidator()
    {
        RuleFor(fields => fields.MethodName).Cascade(CascadeMode.Stop).NotEmpty().MaximumLength(100).OneLine();
        RuleFor(fields => fields.FileName).Cascade(CascadeMode.Stop).NotEmpty().MaximumLength(255).OneLine();
    }
}

/// <summary>A form that cannot be taken.</summary>
internal sealed class FormException(string name, string message) : Exception(message)
{
    /// <summary>The name of the field.</summary>
    public string Field => name;
}

/// <summary>Reads a multipart form with a file as a stream, so that the file is never in memory.</summary>
internal sealed class SubmissionForm(HttpRequest request)
{
    private const int MaxFieldBytes = 4 * 1024;

    private readonly MultipartReader reader = new(request.GetMultipartBoundary(), request.Body);

    /// <summary>Whether the request carries a form of this kind.</summary>
    public static bool IsSent(HttpRequest request) => !string.IsNullOrEmpty(request.GetMultipartBoundary());

    /// <summary>Reads as far as the file.</summary>
    /// <exception cref="FormException">The form is not as it should be.</exception>
    public async Task<(string MethodName, SentFile File)> ReadAsync(CancellationToken cancellationToken)
    {
        string? methodName = null;
        while (await NextAsync(cancellationToken) is { } section)
        {
            if (section.AsFileSection() is { Name: "file", FileStream: { } content } file)
            {
                var name = file.FileName.Split('/', '\\')[^1];
                var type = section.ContentType is { Length: <= 255 } given ? given : "application/octet-stream";
                return (
                    methodName ?? Path.GetFileNameWithoutExtension(name),
                    new(name, type, new FormContent(content))
                );
            }

            methodName = section.AsFormDataSection() is { Name: "method_name" }
                ? await ReadFieldAsync(section, cancellationToken)
                : throw new FormException(NameOf(section), "Is not a field of this form. It has method_name and file.");
        }

        throw new FormException("file", "Is missing. Send the form's fields first, and then the file.");
    }

    /// <summary>Makes sure that nothing follows the file.</summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        if (await NextAsync(cancellationToken) is { } section)
        {
            throw new FormException(NameOf(section), "Comes after the file. Send the fields first, and one file.");
        }
    }

    private async Task<MultipartSection?> NextAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await reader.ReadNextSectionAsync(cancellationToken);
        }
        catch (Exception e) when (IsBroken(e))
        {
            throw new FormException("file", $"The form cannot be read: {e.Message}");
        }
    }

    private static async Task<string> ReadFieldAsync(MultipartSection section, CancellationToken cancellationToken)
    {
        await using var content = new FormContent(section.Body);
        var bytes = new byte[MaxFieldBytes + 1];
        var read = await content.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
        return read <= MaxFieldBytes
            ? Encoding.UTF8.GetString(bytes, 0, read).Trim()
            : throw new FormException("method_name", "Must have at most 100 characters.");
    }

    private static bool IsBroken(Exception exception) =>
        exception is InvalidDataException or IOException and not BadHttpRequestException;

    private static string NameOf(MultipartSection section) =>
        section.GetContentDispositionHeader() is { } header
        && HeaderUtilities.RemoveQuotes(header.Name).ToString() is { Length: > 0 } name
            ? name
            : "form";

    /// <summary>The content of a part. A broken form is the client's fault, and not the file store's.</summary>
    private sealed class FormContent(Stream content) : ForwardStream
    {
        public override async ValueTask<int> ReadAsync(
            Memory<byte> buffer,
            CancellationToken cancellationToken = default
        )
        {
            try
            {
                return await content.ReadAsync(buffer, cancellationToken);
            }
            catch (Exception e) when (IsBroken(e))
            {
                throw new FormException("file", $"The form cannot be read: {e.Message}");
            }
        }
    }
}
