"""HL7 v2 over MLLP or in files: IHE PCD-01, PCD-04 and laboratory results; ADT; pump gateways."""
