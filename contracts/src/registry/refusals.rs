//! Why the registry refuses. Numbers are fixed for ever once released.

crate::refusals! {
    /// Why the registry refuses.
    pub enum Error {
        NotFound = 1, "NOT_FOUND", "没有此登记编号。请核对编号。", "No such registration. Check the number.";
        NotActiveOrganization = 2, "NOT_ACTIVE_ORGANIZATION",
            "发起账户不代表状态为有效的机构。请先完成机构登记和激活。",
            "The sender does not act for an active organization. Register and activate the organization first.";
        NotRegistrar = 3, "NOT_REGISTRAR",
            "只有受理该登记的登记机构可以作出此决定。请用该机构的账户发起。",
            "Only the registrar of this registration may decide this. Sign with an account of that organization.";
        RegistrarNotCompetent = 4, "REGISTRAR_NOT_COMPETENT",
            "所选登记机构无权登记此类凭证，或机构状态无效。请选择有相应角色的登记机构。",
            "The registrar is not active or lacks the role for this kind. Choose a registrar with that role.";
        SelfReview = 5, "SELF_REVIEW",
            "登记机构不得审查本机构作为申请人、代理人或持有人的登记。",
            "A registrar must not decide about a registration of which it is applicant, agent or holder.";
        NotApplicant = 6, "NOT_APPLICANT", "只有申请人可以这样做。", "Only the applicant may do this.";
        HoldersMustSign = 7, "HOLDERS_MUST_SIGN",
            "须由全部持有人签署同一笔交易。", "All holders must sign this transaction.";
        WrongPhase = 8, "WRONG_PHASE",
            "登记当前所处阶段不允许此操作。请先查询其状态。",
            "The registration is in another phase than this act needs. Look up its status first.";
        RuleSetUnknown = 9, "RULE_SET_UNKNOWN",
            "没有此规则集，或今日尚未生效。请选择现行规则集。",
            "No such rule set in force today. Choose one that is.";
        RuleSetKind = 10, "RULE_SET_KIND",
            "该规则集不适用于此类凭证。", "The rule set does not cover this kind of certificate.";
        ApplicantNotEligible = 11, "APPLICANT_NOT_ELIGIBLE",
            "公共数据资源和开放数据集只能由机关或公共机构申请；公共数据产品只能由其或运营机构申请。",
            "Public resources and open data sets are for departments and public institutions; public products for those and operators.";
        HolderUnknown = 12, "HOLDER_UNKNOWN",
            "持有人、代理人或受让人不是有效机构。", "A holder, agent or receiver is not an active organization.";
        CoreData = 13, "CORE_DATA",
            "核心数据不予登记。", "Core data (核心数据) are not registered.";
        PriorEvidenceRequired = 14, "PRIOR_EVIDENCE_REQUIRED",
            "申请此类登记前须先存证或公证。请先存证，再在材料中注明其根值。",
            "This kind needs evidence notarized beforehand. Notarize it first and name its root in the dossier.";
        EvidenceUnknown = 15, "EVIDENCE_UNKNOWN",
            "材料所引存证在链上不存在。", "The evidence that the dossier names is not on this chain.";
        SourceNotInForce = 16, "SOURCE_NOT_IN_FORCE",
            "所依据的来源凭证不存在或当前无效。",
            "A certificate that the data are derived from does not exist or is not in force.";
        LicenceEnded = 17, "LICENCE_ENDED",
            "所依据的授权已届满。", "The licence that the data rest on has ended.";
        SupplementPeriodOpen = 18, "SUPPLEMENT_PERIOD_OPEN",
            "补正期限尚未届满，不得以未补正为由不予登记。",
            "The period for the supplement has not ended; the dossier cannot be rejected yet.";
        NoticeOpen = 19, "NOTICE_OPEN",
            "公示期未满，不得发证。", "The public notice has not ended; the certificate cannot be issued yet.";
        NoticeClosed = 20, "NOTICE_CLOSED",
            "公示期已满。发证后仍可提出异议。",
            "The public notice has ended. An objection may be raised again after issue.";
        NoticeDay = 21, "NOTICE_DAY",
            "公示起始日须为今日之后的工作日。", "The first day of the notice must be a working day after today.";
        ObjectionOpen = 22, "OBJECTION_OPEN",
            "有未处理的异议。请先处理异议。", "An objection is open. Resolve it first.";
        ObjectionUnknown = 23, "OBJECTION_UNKNOWN",
            "没有此异议，或已处理。", "No such objection, or it is closed.";
        NotObjector = 24, "NOT_OBJECTOR", "只有异议人可以撤回异议。", "Only the objector may withdraw an objection.";
        OwnRegistration = 25, "OWN_REGISTRATION",
            "不得对本机构为当事人的登记提出异议。", "An organization cannot object to a registration it is a party of.";
        TooManyObjections = 26, "TOO_MANY_OBJECTIONS",
            "未处理的异议已达上限。", "Too many objections are open.";
        Hold = 27, "HOLD",
            "登记处于中止（保全）状态，不得处分或发证。读取和核验不受影响。",
            "A hold stands on the registration: no disposal and no issue. Reading and verifying are not affected.";
        HoldExists = 28, "HOLD_EXISTS", "该机关在该案中已采取中止措施。", "That authority already holds it in that case.";
        HoldUnknown = 29, "HOLD_UNKNOWN", "没有此中止措施。", "No such hold.";
        TooManyHolds = 30, "TOO_MANY_HOLDS", "中止措施已达上限。", "Too many holds stand on the registration.";
        NotHoldAuthority = 31, "NOT_HOLD_AUTHORITY",
            "只有法院或受理的登记机构可以采取中止措施；只有原机关或依生效裁判的法院可以解除。",
            "Only a court or the registrar may hold; only the same authority, or a court by an effective ruling, may release.";
        RulingNotEffective = 32, "RULING_NOT_EFFECTIVE",
            "裁判尚未生效，或作出机关不是有效的法院或仲裁机构，或听证日期不在今日之前。",
            "The ruling is not effective yet, its issuer is no active court or arbitration body, or the hearing is not before today.";
        CertificateExpired = 33, "CERTIFICATE_EXPIRED",
            "凭证已届满。", "The certificate has expired.";
        RenewalWindow = 34, "RENEWAL_WINDOW",
            "尚未到可以续展的期间。", "The period in which renewal may be asked for has not begun.";
        RequestPending = 35, "REQUEST_PENDING",
            "已有待处理的申请。请先处理或撤回。", "A request is already pending. Have it decided or withdraw it first.";
        NoRequest = 36, "NO_REQUEST", "没有待处理的申请。", "No request is pending.";
        NothingChanged = 37, "NOTHING_CHANGED", "变更内容与现行内容相同。", "The change changes nothing.";
        HoldersChange = 38, "HOLDERS_CHANGE",
            "变更不得改变持有人；请申请转移。", "A change cannot replace holders; ask for a transfer.";
        NotHolder = 39, "NOT_HOLDER", "转出方不是持有人。", "The giver is not a holder.";
        ReceiverMustSign = 40, "RECEIVER_MUST_SIGN",
            "转移须由受让方共同签署，且受让方尚非持有人。",
            "The receiver must sign the transfer too, and must not be a holder already.";
        PledgeeConsent = 41, "PLEDGEE_CONSENT",
            "凭证已质押，转移须由质权人共同签署。", "The certificate is pledged: the pledgee must sign the transfer too.";
        Encumbered = 42, "ENCUMBERED",
            "有质押、订单、授权或案件引用该凭证，不得注销。",
            "A pledge, order, licence or case rests on the certificate; it cannot be cancelled.";
        CodeTaken = 43, "CODE_TAKEN",
            "该编码已被使用，或本凭证在该体系下已有编码。",
            "The code is taken, or the certificate already has one of that scheme.";
        TooManyCodes = 44, "TOO_MANY_CODES", "外部编码已达上限。", "Too many official codes.";
        NotInForce = 45, "NOT_IN_FORCE",
            "凭证当前无效（未发证、已注销或已撤销）。",
            "The certificate is not in force (not issued, cancelled or revoked).";
        WrongVersion = 46, "WRONG_VERSION",
            "所引版本不是现行版本。", "The version named is not the one in force.";
        PurposeNotAllowed = 47, "PURPOSE_NOT_ALLOWED",
            "现行规则不允许此类凭证用于该用途。", "The rules do not admit certificates of this kind for that use.";
        CalendarMissing = 48, "CALENDAR_MISSING",
            "所需年份的工作日历尚未在链上发布，无法计算期限。请先发布日历。",
            "The calendar of a year that the period touches is not published on the chain. Publish it first.";
        NumbersExhausted = 49, "NUMBERS_EXHAUSTED", "登记编号已用尽。", "No serial numbers are left.";
        ClassUnresolved = 50, "CLASS_UNRESOLVED",
            "数据未分级或疑似重要数据，须先确定级别。",
            "The data are unclassified or suspected important data: settle their class first.";
        DocumentRequired = 51, "DOCUMENT_REQUIRED",
            "此决定须附文书的摘要承诺。", "This decision needs the commitment to its document.";
        HoldersInvalid = 52, "HOLDERS_INVALID",
            "持有人至少一个且不得重复。", "There must be at least one holder, each named once.";
        FieldsInvalid = 53, "FIELDS_INVALID",
            "字段说明至少一项，名称不得为空或重复。",
            "There must be at least one field; names must not be empty or repeat.";
        TextMissing = 54, "TEXT_MISSING",
            "标题、摘要、案号、编码、异议理由等必填文字为空，或某处文字含看不见的字符（控制、改变文字方向或零宽）。请删去。",
            "A required text (title, summary, case, code, grounds) is empty, or a text holds a character that is not seen: a control, a mark of direction, one without width. Take it out.";
        SourcesInvalid = 55, "SOURCES_INVALID",
            "来源凭证重复。", "Source certificates repeat.";
        PublicAttributes = 56, "PUBLIC_ATTRIBUTES",
            "开放属性和获取方式只适用于公共数据。",
            "Openness and access method are for public data only.";
        RightsInvalid = 57, "RIGHTS_INVALID",
            "至少主张一项权利；经营条件须与经营权同时主张。",
            "At least one right must be claimed; terms of operating need the right to operate.";
        PersonalLevel = 58, "PERSONAL_LEVEL",
            "个人信息级别低于字段说明所示。",
            "The level of personal information is lower than a field's description shows.";
        TooManySupplements = 59, "TOO_MANY_SUPPLEMENTS",
            "该申请的补正次数已达上限（64次）。请撤回后重新申请。",
            "This application has been supplemented 64 times, which is the limit. Withdraw it and apply anew.";
    }
}
