using Exact.Api.Accounts;
using FluentValidation;

namespace Exact.Api.Submissions;

/// <summary>The field of a submission.</summary>
internal sealed record MethodFields(string MethodName);

internal sealed class MethodFieldsValidator : AbstractValidator<MethodFields>
{
    public MethodFieldsValidator() =>
        RuleFor(fields => fields.MethodName).Cascade(CascadeMode.Stop).NotEmpty().MaximumLength(100).OneLine();
}
