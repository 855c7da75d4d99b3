using System.Globalization;
using System.Text.Json;
using FluentValidation;
using FluentValidation.Resources;

namespace Exact.Api;

/// <summary>FluentValidation's sentences, in English and with the names that JSON has.</summary>
internal sealed class ValidationSentences : LanguageManager
{
    /// <summary>Makes every validator use them.</summary>
    public static void Use()
    {
        ValidatorOptions.Global.LanguageManager = new ValidationSentences();
        ValidatorOptions.Global.DisplayNameResolver = (_, member, _) =>
            member is null ? null : JsonNamingPolicy.SnakeCaseLower.ConvertName(member.Name);
    }

    public override string GetString(string key, CultureInfo? culture = null) =>
        key switch
        {
            "NotNullValidator" or "NotEmptyValidator" => "{PropertyName} must not be empty.",
            "MaximumLengthValidator" => "{PropertyName} must have at most {MaxLength} characters.",
            "MinimumLengthValidator" => "{PropertyName} must have at least {MinLength} characters.",
            "LengthValidator" => "{PropertyName} must have {MinLength} to {MaxLength} characters.",
            "GreaterThanOrEqualValidator" => "{PropertyName} must be at least {ComparisonValue}.",
            "GreaterThanValidator" => "{PropertyName} must be more than {ComparisonValue}.",
            "LessThanOrEqualValidator" => "{PropertyName} must be at most {ComparisonValue}.",
            "LessThanValidator" => "{PropertyName} must be less than {ComparisonValue}.",
            "InclusiveBetweenValidator" => "{PropertyName} must be from {From} to {To}.",
            _ => base.GetString(key, CultureInfo.InvariantCulture),
        };
}
